"""The coverage of a file in one of its contents, with a mark for each statement, by which lines are found again.

A mark is a short hash of a statement's first line, without the white space around it. So a line keeps its mark when it
moves or is indented, and two contents can be compared when only their marks are left, as in a baseline.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from .bitmap import from_bitmap

MARK_LENGTH = 4

# A line with as many letters and digits is hardly written twice by chance; git's --color-moved has the same limit.
_TELLING = 20
_ALPHABET = b"-_"
_LINE_END = re.compile(b"\r\n|\r|\n")
_WORD_CHARACTER = re.compile(rb"[A-Za-z0-9\x80-\xff]")


def marks_of(source: bytes, statements: int) -> tuple[str, ...]:
    """Return the marks of the ``statements`` (a bitmap of first lines) of a file, in their order."""
    lines = _LINE_END.split(source)
    return tuple(_mark(lines[number - 1]) if number <= len(lines) else _mark(b"") for number in from_bitmap(statements))


def _mark(line: bytes) -> str:
    text = line.strip()
    digest = hashlib.sha256(text).digest()[:3]
    # The first bit holds whether the line is telling.
    first = digest[0] & 0x7F | (0x80 if len(_WORD_CHARACTER.findall(text)) >= _TELLING else 0)
    return base64.b64encode(bytes((first, *digest[1:])), _ALPHABET).decode()


def is_telling(mark: str) -> bool:
    """True if the marked line is so long that an equal one is the same line, and not one like it."""
    return bool(base64.b64decode(mark, _ALPHABET)[0] & 0x80)


def is_mark(text: str) -> bool:
    """True if ``text`` may be a mark."""
    return re.fullmatch(f"[A-Za-z0-9_-]{{{MARK_LENGTH}}}", text) is not None


@dataclass(frozen=True, slots=True)
class Counts:
    """The numbers of statements, and of those that were executed."""

    statements: int = 0
    covered: int = 0

    @classmethod
    def sum(cls, counts: Iterable[Counts]) -> Counts:
        """Return the sum of ``counts``."""
        counts = list(counts)
        return cls(sum(one.statements for one in counts), sum(one.covered for one in counts))

    @property
    def missing(self) -> int:
        """The number of statements that were not executed."""
        return self.statements - self.covered

    @property
    def percent(self) -> float:
        """The percentage covered, as coverage.py computes it: 100 without statements."""
        return 100.0 * self.covered / self.statements if self.statements else 100.0

    def is_below(self, other: Counts) -> bool:
        """True if a smaller part is covered than in ``other``, without rounding."""
        own, others = self.statements or 1, other.statements or 1
        return (self.covered if self.statements else 1) * others < (other.covered if other.statements else 1) * own


@dataclass(frozen=True)
class CountedFile:
    """The statements of a file, and the ``covered`` ones, as bitmaps of first lines, in the content with this hash.

    ``marks`` are those of the statements in their order; None if the content is not known any more.
    """

    content: str
    statements: int
    covered: int
    marks: tuple[str, ...] | None = None

    @cached_property
    def lines(self) -> list[int]:
        """The first lines of the statements, ascending."""
        return from_bitmap(self.statements)

    @property
    def counts(self) -> Counts:
        """The numbers of statements and of covered ones."""
        return Counts(self.statements.bit_count(), self.covered.bit_count())

    def is_covered(self, line: int) -> bool:
        """True if the statement that begins in ``line`` was executed."""
        return bool(self.covered >> line & 1)
