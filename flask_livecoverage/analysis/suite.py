"""A suite for comparisons: tests, or single requests, each with the lines that it executed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..model.bitmap import from_bitmap
from ..model.records import ExecutionTotals, Trace

# Path and content hash, because the lines of different versions of a file are different lines.
FileKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Member:
    """A test or request: its name, the index of its lines in :attr:`Suite.line_sets`, its requests and duration."""

    name: str
    line_set: int
    requests: int = 0
    duration_ms: float = 0.0


class LineNumbering:
    """Numbers the lines of all files consecutively, so that one bitmap holds the executed lines of all files.

    Union, difference and comparison of such bitmaps are single operations on Python ints.
    """

    def __init__(self, files: Mapping[FileKey, int]) -> None:
        """``files`` maps each file to the highest line number that may occur."""
        self._offsets: dict[FileKey, int] = {}
        self._lengths = {file: highest + 1 for file, highest in files.items()}
        offset = 0
        for file in sorted(files):
            self._offsets[file] = offset
            offset += self._lengths[file]

    def to_bitmap(self, files: Iterable[tuple[FileKey, int]]) -> int:
        """Combine the bitmaps of single files."""
        bitmap = 0
        for file, lines in files:
            bitmap |= lines << self._offsets[file]
        return bitmap

    def line_numbers(self, bitmap: int) -> dict[str, list[int]]:
        """Line numbers by path, both ascending."""
        numbers: dict[str, set[int]] = {}
        for file, offset in self._offsets.items():
            lines = bitmap >> offset & ((1 << self._lengths[file]) - 1)
            if lines:
                numbers.setdefault(file[0], set()).update(from_bitmap(lines))
        return {path: sorted(lines) for path, lines in sorted(numbers.items())}


@dataclass(frozen=True)
class Suite:
    """Tests or requests, in the natural order of their names, and the lines that they executed.

    ``line_sets`` are distinct bitmaps over ``numbering``: members that executed the same lines refer to the same one,
    so a million members with a thousand different line sets need a thousand bitmaps.
    """

    members: Sequence[Member]
    line_sets: Sequence[int]
    numbering: LineNumbering

    @classmethod
    def of(cls, executed: Iterable[ExecutionTotals], traces: Mapping[str, Trace]) -> Suite:
        """The suite of recorded members. Traces that are missing from ``traces`` count as empty."""
        highest: dict[FileKey, int] = {}
        for trace in traces.values():
            for path, lines in trace.files.items():
                file = path, lines.content
                highest[file] = max(highest.get(file, 0), lines.lines.bit_length())
        numbering = LineNumbering(highest)
        bitmaps = {
            trace.id: numbering.to_bitmap(((path, lines.content), lines.lines) for path, lines in trace.files.items())
            for trace in traces.values()
        }
        builder = _Builder(numbering)
        for item in executed:
            builder.add(item.name, item.traces, bitmaps, item.requests, item.duration_ms)
        return builder.suite()

    @classmethod
    def of_lines(cls, lines_by_member: Mapping[str, Mapping[str, int]]) -> Suite:
        """The suite of members given by the lines (bitmaps) by file that each executed."""
        highest: dict[FileKey, int] = {}
        for files in lines_by_member.values():
            for path, lines in files.items():
                highest[path, ""] = max(highest.get((path, ""), 0), lines.bit_length())
        numbering = LineNumbering(highest)
        builder = _Builder(numbering)
        for name, files in lines_by_member.items():
            bitmap = numbering.to_bitmap(((path, ""), lines) for path, lines in files.items())
            builder.add(name, [name], {name: bitmap})
        return builder.suite()

    @property
    def all_lines(self) -> int:
        """The bitmap of all lines that any member executed."""
        everything = 0
        for lines in self.line_sets:
            everything |= lines
        return everything

    def own_lines(self) -> list[int]:
        """For each member, the bitmap of the lines that no other member executed."""
        once = twice = 0
        users = Counter(member.line_set for member in self.members)
        for line_set, lines in enumerate(self.line_sets):
            twice |= lines if users[line_set] > 1 else once & lines
            once |= lines
        return [self.lines(member) & ~twice for member in self.members]

    def lines(self, member: Member) -> int:
        """The bitmap of the lines that ``member`` executed."""
        return self.line_sets[member.line_set]


class _Builder:
    def __init__(self, numbering: LineNumbering) -> None:
        self._numbering = numbering
        self._members: list[Member] = []
        self._indexes: dict[int, int] = {}
        # Hashing a bitmap takes time in proportion to the application's size; trace ids are short.
        self._line_sets: dict[tuple[str, ...], int] = {}

    def add(
        self,
        name: str,
        traces: Sequence[str],
        bitmaps: Mapping[str, int],
        requests: int = 0,
        duration_ms: float = 0.0,
    ) -> None:
        key = tuple(traces)
        if key not in self._line_sets:
            lines = 0
            for trace in traces:
                lines |= bitmaps.get(trace, 0)
            self._line_sets[key] = self._indexes.setdefault(lines, len(self._indexes))
        self._members.append(Member(name, self._line_sets[key], requests, duration_ms))

    def suite(self) -> Suite:
        members = sorted(self._members, key=lambda member: natural_key(member.name))
        return Suite(members, list(self._indexes), self._numbering)


_DIGITS = re.compile("([0-9]+)")
# Does not match a pytest node id (tests/test_shop.py::test_tea), which has a slash too.
_SET_AND_ID = re.compile(r"[^/:]+/[^/:]+")


def are_set_and_id(names: Iterable[str]) -> bool:
    """Return whether there are ``names``, and all have Keploy's form ``set/test``."""
    names = list(names)
    return bool(names) and all(map(_SET_AND_ID.fullmatch, names))


def natural_key(name: str) -> tuple[Any, ...]:
    """A sort key for natural order, ``test-9`` before ``test-10``; equal for equal names only."""
    parts: list[Any] = _DIGITS.split(name)
    # Not as ints: Python refuses to convert very long ones.
    parts[1::2] = [(len(digits), digits) for digits in (part.lstrip("0") for part in parts[1::2])]
    return parts, name
