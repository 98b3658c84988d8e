"""The summary of a window: its lines, the new ones among them, and an earlier window with the same lines."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Mapping, Set
from contextlib import contextmanager
from dataclasses import dataclass

from ..analysis.window_history import WindowHistory
from ..model.records import Trace
from ..store import RunQueries


@dataclass(frozen=True)
class WindowSummary:
    """A window in numbers: its requests, their files and lines, and the lines that were not executed before it.

    ``duplicate_of`` is the first earlier window that executed the very same lines, None if none did.
    """

    name: str
    requests: int
    files: int
    lines: int
    new_lines: int
    duplicate_of: str | None


class WindowHistories:
    """The history of a run's windows, kept between summaries in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Hashable = None
        self._ambient: Set[int] = frozenset()
        self._history = WindowHistory()

    @contextmanager
    def use(self, run: Hashable, ambient: Set[int]) -> Iterator[WindowHistory]:
        """The history of ``run``, for one thread; an empty one if another run's is kept, or another thread has it.

        Also an empty one if a trace was ambient before and is not in ``ambient`` now. It holds late lines, whose
        request was not stored before.
        """
        # Without waiting, because a fork may have left it locked for ever.
        if not self._lock.acquire(blocking=False):
            yield WindowHistory()
            return
        try:
            if self._of != run or not self._ambient <= ambient:
                self._of, self._history = run, WindowHistory()
            self._ambient = ambient
            yield self._history
        finally:
            self._lock.release()


def summarise_window(
    queries: RunQueries, histories: WindowHistories, run: Hashable, opened_at: float
) -> WindowSummary | None:
    """The summary of the window that was opened at this moment; None if none was.

    ``run`` identifies the run in this store, because another store has other numbers of windows and traces.
    """
    found = queries.windows.opened(opened_at)
    if found is None:
        return None
    number, window, requests = found
    ambient = queries.lines.ambient_traces()
    with histories.use(run, ambient) as history:
        before = queries.windows.traces_before(window.opened_at, history.known_traces) | ambient
        history.add_before(queries.lines.by_numbers(before.difference(history.known_traces)))
        traces = _update(queries, history, number)
        counts, same = history.count(traces), history.same_as(traces, but=number)
    earliest = queries.windows.first_opened(same, until=opened_at)
    return WindowSummary(window.name, requests, **counts, duplicate_of=earliest)


def _update(queries: RunQueries, history: WindowHistory, last: int) -> list[Trace]:
    """Bring ``history`` up to date with all windows; return the traces that were left in the ``last`` one."""
    # One number, so that windows that stay as they were cost nothing each.
    marks: Mapping[int, Hashable] = {}
    if history.mark != queries.windows.fingerprint_of_all(but=last):
        marks = queries.windows.fingerprints()
        history.remove_others({*marks, last})
    left = queries.windows.traces_in([*{*history.changed(marks), last}])
    traces = queries.lines.by_numbers({number for numbers in left.values() for number in numbers})
    # A trace that is not in any journal yet may come without a change of the marks.
    incomplete = {window for window, numbers in left.items() if not numbers <= traces.keys()}
    for window, numbers in left.items():
        mark = None if window in incomplete else marks.get(window)
        history.put(window, mark, [traces[number] for number in numbers if number in traces])
    history.mark = None if incomplete else queries.windows.fingerprint_of_all()
    return [traces[number] for number in left[last] if number in traces]
