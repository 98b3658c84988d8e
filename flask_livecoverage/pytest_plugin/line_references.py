"""Line references, ``app.py:42`` and ``app.py:42-45``: finds their statements, and reports those that did not run."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..model.bitmap import to_ranges

_REFERENCE = re.compile(r"(.+):([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?", re.DOTALL | re.ASCII)
_SHOWN_FILES = 5

Lines = Mapping[str, Sequence[int]]


def find_missing(references: Iterable[str], executed: Lines, statements: Callable[[], Lines]) -> list[str]:
    """Return a message for each of ``references`` that did not run. ``statements`` is only called for a range.

    Raises ValueError for a malformed reference.
    """
    messages = (_check(reference, executed, statements) for reference in references)
    return [message for message in messages if message]


def _check(reference: str, executed: Lines, statements: Callable[[], Lines]) -> str | None:
    match = _REFERENCE.fullmatch(reference)
    if match is None or (match[3] and int(match[3]) < int(match[2])):
        raise ValueError(f"{reference!r} is not of the form FILE:LINE or FILE:FIRST-LAST, such as app.py:42")
    name, first = match[1], int(match[2])
    if match[3] is None:
        path = _find(name, executed)
        if path is not None and first in executed[path]:
            return None
        return f"{reference} was not executed by this test: {_instead(path, name, executed)}"
    return _check_range(reference, name, range(first, int(match[3]) + 1), executed, statements())


def _check_range(reference: str, name: str, lines: range, executed: Lines, statements: Lines) -> str | None:
    path = _find(name, statements)
    wanted = [line for line in statements[path] if line in lines] if path is not None else []
    if path is None or not wanted:
        return f"{reference} contains no measured statement"
    # A line that begins no statement belongs to the statement before it.
    starts = statements[path]
    ran = {starts[max(0, bisect_right(starts, line) - 1)] for line in executed.get(path, ())}
    missing = [line for line in wanted if line not in ran]
    if not missing:
        return None
    return f"{reference}: {to_ranges(missing)} not executed by this test: {_instead(path, name, executed)}"


def _find(name: str, files: Iterable[str]) -> str | None:
    """Return the one of ``files`` that ``name`` names: the whole path, its end, or a path that ends with it."""
    files = list(files)
    if name in files:
        return name
    found = [path for path in files if path.endswith(f"/{name}") or name.endswith(f"/{path}")]
    if len(found) > 1:
        raise ValueError(f"{name!r} can be any of {', '.join(found[:_SHOWN_FILES])}: give more of its path")
    return found[0] if found else None


def _instead(path: str | None, name: str, executed: Lines) -> str:
    if path is not None and executed.get(path):
        return f"of {path}, it executed {to_ranges(executed[path])}"
    if not executed:
        return "it has executed nothing in the server so far"
    files = sorted(executed)
    more = f" and {len(files) - _SHOWN_FILES} more files" if len(files) > _SHOWN_FILES else ""
    return f"it executed no line of {name}, but lines of {', '.join(files[:_SHOWN_FILES])}{more}"
