"""What a window's requests executed, compared with what was executed before it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..model import RequestRecord, Run

Bitmaps = dict[str, int]


def summarise_window(run: Run) -> dict[str, Any]:
    """The summary of the run's last window.

    ``files`` and ``lines`` count what its requests executed, ``new_lines`` those of these lines that neither an earlier
    request nor start-up had executed, ``duplicate_of`` names the first earlier window that executed the very same
    lines.
    """
    window = run.windows[-1]
    requests = [request for request in run.requests if window.holds(request.started_at)]
    executed = _executed(run, (request.trace for request in requests))
    earlier = _executed(run, (*run.ambient, *(r.trace for r in run.requests if r.started_at < window.opened_at)))
    return {
        "name": window.name,
        "requests": len(requests),
        "files": len(executed),
        "lines": _count(executed),
        "new_lines": _count({path: lines & ~earlier.get(path, 0) for path, lines in executed.items()}),
        "duplicate_of": _duplicate_of(run, executed),
    }


def _duplicate_of(run: Run, executed: Bitmaps) -> str | None:
    if not executed:
        return None
    for earlier in run.windows[:-1]:
        if _executed(run, _traces(run.requests, earlier.holds)) == executed:
            return earlier.name
    return None


def _traces(requests: Iterable[RequestRecord], holds: Any) -> Iterable[str]:
    return (request.trace for request in requests if holds(request.started_at))


def _executed(run: Run, traces: Iterable[str]) -> Bitmaps:
    executed: Bitmaps = {}
    for trace in set(traces):
        if trace in run.traces:
            for path, lines in run.traces[trace].files.items():
                executed[path] = executed.get(path, 0) | lines.lines
    return executed


def _count(bitmaps: Mapping[str, int]) -> int:
    return sum(lines.bit_count() for lines in bitmaps.values())
