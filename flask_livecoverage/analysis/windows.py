"""What a window's requests executed, compared with what was executed before it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from ..model import Run

# By path and content: lines of different contents of a file are not the same lines.
Bitmaps = dict[tuple[str, str], int]


def summarise_window(run: Run) -> dict[str, Any]:
    """The summary of the run's last window.

    ``files`` and ``lines`` count what its requests executed, ``new_lines`` those of these lines that neither an earlier
    request nor start-up had executed, ``duplicate_of`` names the first earlier window that executed the very same
    lines.
    """
    window = run.windows[-1]
    by_window = _traces_by_window(run)
    executed = _executed(run, by_window[-1])
    earlier = _executed(run, (*run.ambient, *(r.trace for r in run.requests if r.started_at < window.opened_at)))
    return {
        "name": window.name,
        "requests": len(by_window[-1]),
        "files": len({path for path, _ in executed}),
        "lines": _count(executed),
        "new_lines": _count({file: lines & ~earlier.get(file, 0) for file, lines in executed.items()}),
        "duplicate_of": _duplicate_of(run, by_window, executed),
    }


def _traces_by_window(run: Run) -> list[list[str]]:
    """The traces of the requests that began in each of the run's windows, of which at most one is open at a time."""
    openings = [window.opened_at for window in run.windows]
    traces: list[list[str]] = [[] for _ in run.windows]
    for request in run.requests:
        index = bisect_right(openings, request.started_at) - 1
        if index >= 0 and run.windows[index].holds(request.started_at):
            traces[index].append(request.trace)
    return traces


def _duplicate_of(run: Run, by_window: list[list[str]], executed: Bitmaps) -> str | None:
    if not executed:
        return None
    for earlier, traces in zip(run.windows[:-1], by_window[:-1], strict=True):
        if _executed(run, traces) == executed:
            return earlier.name
    return None


def _executed(run: Run, traces: Iterable[str]) -> Bitmaps:
    executed: Bitmaps = {}
    for trace in set(traces):
        if trace in run.traces:
            for path, lines in run.traces[trace].files.items():
                file = path, lines.content
                executed[file] = executed.get(file, 0) | lines.lines
    return executed


def _count(bitmaps: Mapping[tuple[str, str], int]) -> int:
    return sum(lines.bit_count() for lines in bitmaps.values())
