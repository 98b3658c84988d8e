"""``app.py:42`` and ``app.py:42-45``: which statements are meant, and whether they ran."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from ..model.bitmap import to_ranges

_PLACE = re.compile(r"(.+):([1-9]\d{0,8})(?:-([1-9]\d{0,8}))?", re.DOTALL | re.ASCII)
_SHOWN_FILES = 5

Lines = Mapping[str, Sequence[int]]


def find_missing(places: Iterable[str], executed: Lines, statements: Callable[[], Lines]) -> list[str]:
    """What of ``places`` did not run, as messages. ``statements`` is only called for a range.

    Raises ValueError for a place that cannot be read.
    """
    messages = (_check(place, executed, statements) for place in places)
    return [message for message in messages if message]


def _check(place: str, executed: Lines, statements: Callable[[], Lines]) -> str | None:
    match = _PLACE.fullmatch(place)
    if match is None or (match[3] and int(match[3]) < int(match[2])):
        raise ValueError(f"{place!r} is not of the form FILE:LINE or FILE:FIRST-LAST, such as app.py:42")
    name, first = match[1], int(match[2])
    if match[3] is None:
        path = _find(name, executed)
        if path is not None and first in executed[path]:
            return None
        return f"{place} was not executed by this test: {_instead(path, name, executed)}"
    return _check_range(place, name, range(first, int(match[3]) + 1), executed, statements())


def _check_range(place: str, name: str, lines: range, executed: Lines, statements: Lines) -> str | None:
    path = _find(name, statements)
    wanted = [line for line in statements[path] if line in lines] if path is not None else []
    if path is None or not wanted:
        return f"{place} holds no statement that is measured"
    # What ran in a line that begins no statement, ran in the statement before it.
    starts = statements[path]
    ran = {starts[max(0, bisect_right(starts, line) - 1)] for line in executed.get(path, ())}
    missing = [line for line in wanted if line not in ran]
    if not missing:
        return None
    return f"{place}: {to_ranges(missing)} not executed by this test: {_instead(path, name, executed)}"


def _find(name: str, files: Iterable[str]) -> str | None:
    """The one of ``files`` that ``name`` names: whole, by the end of its path, or with folders before it."""
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
