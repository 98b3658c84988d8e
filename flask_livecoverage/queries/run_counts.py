"""The counts of a run: requests, traces, processes, lost records.

A run can be counted from its journals or in the store. A short run's journals are read faster than the store is loaded,
so this module imports the store for type checking only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.records import Run

if TYPE_CHECKING:
    from ..store import RunQueries


@dataclass(frozen=True)
class RunCounts:
    """``window`` is the name of the open window, None if none is; ``traces`` counts the different ones of requests."""

    window: str | None
    requests: int
    traces: int
    processes: int
    lost: int


def count_run(run: Run) -> RunCounts:
    """The counts of a run that was read from its journals."""
    window = run.open_window
    return RunCounts(
        window=window.name if window else None,
        requests=len(run.requests),
        traces=len({request.trace for request in run.requests}),
        processes=len(run.processes),
        lost=run.lost,
    )


def count_stored(queries: RunQueries) -> RunCounts:
    """The same, of the one run that the store was opened for."""
    return RunCounts(
        window=queries.windows.open(),
        requests=queries.requests.count(),
        traces=queries.lines.count_traces(),
        processes=queries.processes(),
        lost=queries.lost(),
    )
