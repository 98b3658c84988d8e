"""What a window's requests executed, compared with what was executed before it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ..model import Executed, Trace

# By path and content: lines of different contents of a file are not the same lines.
Bitmaps = dict[tuple[str, str], int]


def summarise_window(
    windows: Sequence[Executed], before: Collection[str], traces: Mapping[str, Trace]
) -> dict[str, Any]:
    """The summary of the last of ``windows``.

    ``files`` and ``lines`` count what its requests executed, ``new_lines`` those of these lines that no trace of
    ``before`` has, ``duplicate_of`` names the first earlier window that executed the very same lines.

    :param before: ids of the traces that were left before it, by requests and by start-up.
    :param traces: by id; those that are missing count as empty.
    """
    *earlier, window = windows
    executed = _executed(window.traces, traces)
    known = _executed(before, traces)
    return {
        "name": window.name,
        "requests": window.requests,
        "files": len({path for path, _ in executed}),
        "lines": _count(executed),
        "new_lines": _count({file: lines & ~known.get(file, 0) for file, lines in executed.items()}),
        "duplicate_of": _duplicate_of(earlier, executed, traces),
    }


def _duplicate_of(windows: Iterable[Executed], executed: Bitmaps, traces: Mapping[str, Trace]) -> str | None:
    if not executed:
        return None
    # Most windows left a trace with other lines: told apart by one look at each trace, whatever the number of windows.
    inside = {id_ for id_, trace in traces.items() if _is_within(trace, executed)}
    for window in windows:
        told = traces.keys() & window.traces
        if inside.issuperset(told) and _executed(told, traces) == executed:
            return window.name
    return None


def _is_within(trace: Trace, executed: Bitmaps) -> bool:
    return not any(lines.lines & ~executed.get((path, lines.content), 0) for path, lines in trace.files.items())


def _executed(ids: Collection[str], traces: Mapping[str, Trace]) -> Bitmaps:
    executed: Bitmaps = {}
    for id_ in traces.keys() & ids:
        for path, lines in traces[id_].files.items():
            file = path, lines.content
            executed[file] = executed.get(file, 0) | lines.lines
    return executed


def _count(bitmaps: Mapping[tuple[str, str], int]) -> int:
    return sum(lines.bit_count() for lines in bitmaps.values())
