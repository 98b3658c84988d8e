"""Selects the lines that an answer counts: all recorded ones, or statements, as coverage.py's reports count."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from ..model.records import FileLines, FileStatements, Trace

# Replaces the lines of a trace by those that count; its id stays.
LineSelection = Callable[[Trace], Trace]


class AnalysedFile(Protocol):
    """A file on disk whose statements are known."""

    @property
    def path(self) -> str:
        """Its absolute path."""

    @property
    def content(self) -> str:
        """The hash of its present content."""

    @property
    def analysis(self) -> FileStatements:
        """Its statements and excluded lines."""


def as_recorded(trace: Trace) -> Trace:
    """Select all lines: further lines of statements, excluded ones, and those of files that have changed since."""
    return trace


def statements_of(files: Mapping[str, AnalysedFile]) -> LineSelection:
    """Select the statements of ``files`` (by path), and nothing in files that have changed since."""

    def selected(trace: Trace) -> Trace:
        return Trace(
            trace.id, {path: lines for path, lines in map(_selected, trace.files.items()) if lines is not None}
        )

    def _selected(item: tuple[str, FileLines]) -> tuple[str, FileLines | None]:
        path, lines = item
        file = files.get(path)
        if file is None or file.content != lines.content:
            return path, None
        return path, FileLines(lines.content, file.analysis.executed(lines.lines))

    return selected
