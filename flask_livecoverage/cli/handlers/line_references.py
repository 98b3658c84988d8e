"""Places in source files, as people write them: ``FILE:LINE``."""

from __future__ import annotations

import os
from dataclasses import dataclass

import coverage

from ...errors import ConfigurationError
from ...exports.dump import relative_path
from ...model.records import FileStatements
from ...sources.content import content_hash
from ...sources.coveragepy import StatementCounter
from ...store import RunQueries


@dataclass(frozen=True)
class Place:
    """A line of a recorded file, and the lines of the statement that it is a part of.

    ``why_never`` says why no request can have executed it; None if requests can. ``is_here`` is whether the file is
    still what was recorded; else its lines are taken as they were written.
    """

    path: str
    line: int
    statement: list[int]
    why_never: str | None = None
    is_here: bool = True


def find_place(recorded: RunQueries, place: str) -> Place:
    """The place that is written ``FILE:LINE``.

    Raises ConfigurationError if ``place`` is not of that form, nothing was recorded of the file, or it has no such
    line.
    """
    name, _, number = place.rpartition(":")
    if not name or not (number.isascii() and number.isdigit() and 0 < int(number[:12]) < 10**9):
        raise ConfigurationError(f"{place!r} is not of the form FILE:LINE, such as app.py:42")
    path, line = _find_file(recorded, name), int(number)
    counted = _statements(recorded, path)
    if counted is None:
        return Place(path, line, [line], is_here=False)
    shown = relative_path(path, recorded.root)
    _refuse_beyond_the_end(path, shown, line)
    if counted.excluded >> line & 1:
        return Place(path, line, [line], f"{shown}:{line} is excluded by coverage.py's configuration")
    statement = counted.statement_of(line)
    why_never = None if statement else f"{shown}:{line} is no statement: nothing can execute it"
    return Place(path, line, statement or [line], why_never)


def _find_file(recorded: RunQueries, name: str) -> str:
    """The path of a recorded file: as it is shown, from the current folder, or by the end of it."""
    paths = recorded.lines.files()
    for exact in (os.path.join(recorded.root, name), os.path.abspath(name)):
        if os.path.normpath(exact) in paths:
            return os.path.normpath(exact)
    found = [path for path in paths if path.endswith(f"/{name}")]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigurationError(f"{name!r} can be any of {', '.join(found[:5])}: give more of its path")
    raise ConfigurationError(f"no line of a file {name!r} was recorded: name it as `flask livecov report` does")


def _statements(recorded: RunQueries, path: str) -> FileStatements | None:
    """What counts in the file; None if it cannot be said, because it is not here, or not as it was recorded."""
    if content_hash(path) not in {content for known, content in recorded.lines.contents().values() if known == path}:
        return None
    try:
        return StatementCounter().count(path)
    except (coverage.CoverageException, SyntaxError, ValueError):
        return None


def _refuse_beyond_the_end(path: str, shown: str, line: int) -> None:
    with open(path, "rb") as file:
        last = len(file.read().splitlines())
    if line > last:
        raise ConfigurationError(f"{shown} has {last} line{'' if last == 1 else 's'}, and no line {line}")
