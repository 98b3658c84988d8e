"""Lines of source files, as people write them: ``FILE:LINE``."""

from __future__ import annotations

from dataclasses import dataclass

from ...errors import ConfigurationError
from ...exports.dump import relative_path
from ...model.text import whole_number
from ...queries.line_hits import SourceLine, find_line, recorded_files
from ...store import RunQueries

# The most files that an error lists.
_SHOWN_FILES = 5
_HIGHEST_LINE = 10**9 - 1


@dataclass(frozen=True)
class LineReference:
    """A line, and the reason why no request can have executed it; None if requests can."""

    line: SourceLine
    why_never: str | None = None


def find_line_reference(queries: RunQueries, reference: str) -> LineReference:
    """The line that is written ``FILE:LINE``.

    Raises ConfigurationError if ``reference`` is not of that form, nothing was recorded of the file, or it has no such
    line.
    """
    name, _, digits = reference.rpartition(":")
    number = whole_number(digits, _HIGHEST_LINE)
    if not name or not number:
        raise ConfigurationError(f"{reference!r} is not of the form FILE:LINE, such as app.py:42")
    line = find_line(queries, _find_file(queries, name), number)
    shown = relative_path(line.path, queries.root)
    if line.state == "beyond the end":
        lines = f"{line.last} line{'' if line.last == 1 else 's'}"
        raise ConfigurationError(f"{shown} has {lines}, and no line {line.number}")
    if line.state == "excluded":
        return LineReference(line, f"{shown}:{line.number} is excluded by coverage.py's configuration")
    if line.state == "no statement":
        return LineReference(line, f"{shown}:{line.number} is not a statement: nothing can execute it")
    return LineReference(line)


def _find_file(queries: RunQueries, name: str) -> str:
    """The path of a recorded file: as it is shown, from the current folder, or by the end of it."""
    found = recorded_files(queries, name)
    if not found:
        raise ConfigurationError(f"no line of a file {name!r} was recorded: name it as `flask livecov report` does")
    if len(found) > 1:
        raise ConfigurationError(f"{name!r} can be any of {', '.join(found[:_SHOWN_FILES])}: give more of its path")
    return found[0]
