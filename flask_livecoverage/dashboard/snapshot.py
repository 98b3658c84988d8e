"""The figures that the pages show, as they were at one moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from ..model.records import FileStatements, RequestRecord, Window


@dataclass(frozen=True)
class FileFigures:
    """One file: what counts in it, and which of its statements were ``covered`` (a bitmap).

    ``number`` is the store's for this content of it; None if nothing of it ran.
    """

    path: str
    name: str
    content: str
    number: int | None
    counted: FileStatements
    covered: int

    @cached_property
    def key(self) -> str:
        """What stands for it in addresses: they name no paths."""
        return hashlib.sha256(self.path.encode("utf-8", "surrogatepass")).hexdigest()[:16]

    @property
    def statements(self) -> int:
        """How many statements it has."""
        return self.counted.statements.bit_count()

    @property
    def executed(self) -> int:
        """How many of them ran."""
        return self.covered.bit_count()

    @property
    def missing(self) -> int:
        """How many of them did not run."""
        return self.statements - self.executed

    @property
    def excluded(self) -> int:
        """How many lines the configuration excludes."""
        return self.counted.excluded.bit_count()


@dataclass(frozen=True)
class First:
    """When a trace was left first, and how many statements nobody had run before."""

    at: float
    new: int


@dataclass(frozen=True)
class Figures:
    """A run between two resets. Counts are of statements, as coverage.py counts them.

    ``files`` are sorted by name; ``changed`` names those that are not any more what was recorded, and ``unreadable``
    those that coverage.py cannot count, with the reason. ``lines`` and ``firsts`` are by the traces' ids. ``curve``
    are points: after so many requests, so many statements were covered. ``warnings`` name what cannot be read, or was
    lost.
    """

    run: int
    period: int
    version: str
    files: Mapping[str, FileFigures]
    changed: Sequence[str]
    unreadable: Sequence[tuple[str, str]]
    requests: int
    lines: Mapping[str, int]
    firsts: Mapping[str, First]
    at_startup: int
    curve: Sequence[tuple[int, int]]
    warnings: Sequence[str]

    @cached_property
    def statements(self) -> int:
        """How many statements there are."""
        return sum(file.statements for file in self.files.values())

    @cached_property
    def executed(self) -> int:
        """How many of them ran."""
        return sum(file.executed for file in self.files.values())

    @cached_property
    def by_path(self) -> Mapping[str, FileFigures]:
        """The files by their paths."""
        return {file.path: file for file in self.files.values()}

    def new_in(self, window: Window) -> int:
        """How many statements the requests of ``window`` were the first to run."""
        return sum(first.new for first in self.firsts.values() if window.contains(first.at))

    def new(self, request: RequestRecord) -> int:
        """How many statements ``request`` was the first to run."""
        first = self.firsts.get(request.trace)
        return first.new if first is not None and first.at == request.started_at else 0
