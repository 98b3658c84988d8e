"""The coverage that pages show, as it was at one moment: immutable data."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..model.records import FileStatements, RequestRecord, Window


def file_key(path: str) -> str:
    """Return the key of a file in addresses, which must not contain paths."""
    return hashlib.sha256(path.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True)
class FileSnapshot:
    """The coverage of one file: its statements, and a bitmap of the ``covered`` ones.

    ``number`` is the store's number of this version of the file; None if no line of it ran.
    """

    path: str
    name: str
    content: str
    number: int | None
    analysis: FileStatements
    covered: int

    @cached_property
    def key(self) -> str:
        """The file's key in addresses."""
        return file_key(self.path)

    @property
    def statements(self) -> int:
        """The number of statements."""
        return self.analysis.statements.bit_count()

    @property
    def executed(self) -> int:
        """The number of statements that ran."""
        return self.covered.bit_count()

    @property
    def missing(self) -> int:
        """The number of statements that did not run."""
        return self.statements - self.executed

    @property
    def excluded(self) -> int:
        """The number of lines that the configuration excludes."""
        return self.analysis.excluded.bit_count()


@dataclass(frozen=True)
class FirstExecution:
    """The time of the first request with a trace, and the number of statements that had not run before it."""

    at: float
    new: int


@dataclass(frozen=True)
class Snapshot:
    """The coverage of a run between two resets, or of a whole run, if ``period`` is None.

    Counts are of statements, as coverage.py counts them. ``files`` are sorted by name; ``changed`` names those with
    records of another content than the one that counts, and ``unreadable`` those that coverage.py cannot count, with
    the reason. The keys of ``lines`` and ``first_executions`` are trace ids.
    ``growth`` has pairs of a number of requests and the statements covered after them. ``warnings`` name records that
    cannot be read or were lost.
    """

    run: int
    period: int | None
    version: str
    files: Mapping[str, FileSnapshot]
    changed: Sequence[str]
    unreadable: Sequence[tuple[str, str]]
    requests: int
    lines: Mapping[str, int]
    first_executions: Mapping[str, FirstExecution]
    at_startup: int
    growth: Sequence[tuple[int, int]]
    warnings: Sequence[str]

    @cached_property
    def statements(self) -> int:
        """The number of statements in all files."""
        return sum(file.statements for file in self.files.values())

    @cached_property
    def executed(self) -> int:
        """The number of statements that ran, in all files."""
        return sum(file.executed for file in self.files.values())

    @cached_property
    def by_path(self) -> Mapping[str, FileSnapshot]:
        """The files by their paths."""
        return {file.path: file for file in self.files.values()}

    def new_in(self, window: Window) -> int:
        """Return the number of statements that requests of ``window`` were the first to run."""
        return sum(first.new for first in self.first_executions.values() if window.contains(first.at))

    def new(self, request: RequestRecord) -> int:
        """Return the number of statements that ``request`` was the first to run."""
        first = self.first_executions.get(request.trace)
        return first.new if first is not None and first.at == request.started_at else 0
