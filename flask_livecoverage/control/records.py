"""What the routes ``stop``, ``tests``, ``requests`` and ``requests/<id>`` answer, from the store."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from ..analysis.window_history import WindowHistory
from ..exports.dump import relative_lines
from ..journal.storage import make_data_dir
from ..model.filters import Filters
from ..model.records import Trace
from ..queries.suites import suite_object
from ..recording.recorder import Recorder
from ..store import RunQueries, open_store, store_url


class WindowHistories:
    """The history of a run's windows, kept between summaries in this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Hashable = None
        self._history = WindowHistory()

    @contextmanager
    def use(self, run: Hashable) -> Iterator[WindowHistory]:
        """The history of ``run``, for one thread; an empty one if another run's is kept, or another thread has it."""
        # Without waiting: a fork may have left it locked for ever.
        if not self._lock.acquire(blocking=False):
            yield WindowHistory()
            return
        try:
            if self._of != run:
                self._of, self._history = run, WindowHistory()
            yield self._history
        finally:
            self._lock.release()


@dataclass(frozen=True)
class Records:
    """The requests that a run has recorded; ``warnings`` name what of it cannot be read.

    ``run`` is the run in this very store: in another store, the numbers of windows and traces are others.
    """

    recorded: RunQueries
    warnings: Sequence[str]
    run: Hashable = None

    def counts(self) -> dict[str, Any]:
        """What the state of a run counts."""
        recorded = self.recorded
        return {
            "window": recorded.windows.open(),
            "requests": recorded.requests.count(),
            "traces": recorded.lines.count_traces(),
            "processes": recorded.processes(),
            "lost": recorded.lost(),
        }

    def newest(self, filters: Filters, limit: int) -> dict[str, Any]:
        """The newest requests, at most ``limit``, and how many there are in all."""
        records = self.recorded.requests.newest(filters, limit)
        return {"total": self.recorded.requests.count(filters), "requests": [record.to_object() for record in records]}

    def tests(self, filters: Filters) -> dict[str, Any]:
        """What each test executed."""
        return suite_object(self.recorded, filters)

    def last_window(self, histories: WindowHistories) -> dict[str, Any]:
        """The summary of the last window that was opened."""
        recorded = self.recorded
        found = recorded.windows.last()
        assert found is not None
        window, requests = found
        number = recorded.windows.last_opened()
        with histories.use(self.run) as history:
            before = recorded.windows.left_before(window.opened_at, history.known_traces)
            before |= recorded.lines.ambient_traces()
            history.add_before(recorded.lines.by_numbers(before.difference(history.known_traces)))
            last = self._put_windows(history, number)
            counts, same = history.count(last), history.same_as(last, but=number)
        duplicate_of = recorded.windows.first_opened(same)
        return {"name": window.name, "requests": requests, **counts, "duplicate_of": duplicate_of}

    def _put_windows(self, history: WindowHistory, last: int) -> list[Trace]:
        """Bring ``history`` up to date with all windows; return the traces that were left in the last one."""
        recorded = self.recorded
        # One number, so that windows that stay as they were cost nothing each.
        unchanged = history.mark == recorded.windows.mark_of_all(but=last)
        marks = {} if unchanged else recorded.windows.marks()
        left = recorded.windows.left_in([*{*history.changed(marks), last}])
        traces = recorded.lines.by_numbers({number for numbers in left.values() for number in numbers})
        # What no journal has told yet may be told without a change of the marks.
        untold = {window for window, numbers in left.items() if not numbers <= traces.keys()}
        for window, numbers in left.items():
            mark = None if window in untold else marks.get(window)
            history.put(window, mark, [traces[number] for number in numbers if number in traces])
        history.mark = None if untold else recorded.windows.mark_of_all()
        return [traces[number] for number in left[last] if number in traces]

    def one(self, request_id: str) -> dict[str, Any] | None:
        """One request with its lines by file; None if there is none with this id."""
        record = self.recorded.requests.get(request_id)
        if record is None:
            return None
        trace = self.recorded.lines.union([record.trace])
        return {**record.to_object(), "files": relative_lines(trace, self.recorded.root)}


@contextmanager
def open_records(recorder: Recorder, store: str | None, *, since_reset: bool = True) -> Iterator[Records]:
    """What the recorder's run has recorded; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    recorder.flush()
    data_dir = recorder.run.path.parent.parent
    make_data_dir(data_dir)
    with open_store(store_url(data_dir, store), is_own=not store) as opened:
        run = opened.sync(recorder.run)
        period = len(recorder.run.marks()) if since_reset else None
        with opened.recorded([run], period=period) as recorded:
            yield Records(recorded, opened.warnings, (opened.identity, run))
