"""Selects the lines that an answer counts: all recorded ones, or statements, as coverage.py's reports count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..model.records import FileLines, FileStatements, Trace

# Replaces the lines of a trace by those that count; its id stays.
Counting = Callable[[Trace], Trace]


class CountedFile(Protocol):
    """A file on disk whose statements are known."""

    @property
    def path(self) -> str:
        """Its absolute path."""

    @property
    def content(self) -> str:
        """The hash of its present content."""

    @property
    def counted(self) -> FileStatements:
        """Its statements and excluded lines."""


def as_recorded(trace: Trace) -> Trace:
    """Count all lines: further lines of statements, excluded ones, and those of files that have changed since."""
    return trace


def statements_of(files: Mapping[str, CountedFile]) -> Counting:
    """Count the statements of ``files`` (by path), and nothing in files that have changed since."""

    def counted(trace: Trace) -> Trace:
        return Trace(trace.id, {path: lines for path, lines in map(_counted, trace.files.items()) if lines is not None})

    def _counted(item: tuple[str, FileLines]) -> tuple[str, FileLines | None]:
        path, lines = item
        file = files.get(path)
        if file is None or file.content != lines.content:
            return path, None
        return path, FileLines(lines.content, file.counted.executed(lines.lines))

    return counted
