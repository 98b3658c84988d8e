"""What the routes ``stop``, ``tests``, ``requests`` and ``requests/<id>`` answer, from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..analysis.windows import summarise_window
from ..exports.dump import relative_lines
from ..exports.suite import suite_object
from ..filters import Filters
from ..recorder import Recorder
from ..store import Recorded, open_store, store_url


@dataclass(frozen=True)
class Records:
    """The requests that a run has recorded; ``warnings`` name what of it cannot be read."""

    recorded: Recorded
    warnings: Sequence[str]

    def counts(self) -> dict[str, Any]:
        """What the state of a run counts."""
        recorded = self.recorded
        return {
            "window": recorded.open_window(),
            "requests": recorded.count(),
            "traces": recorded.count_traces(),
            "processes": recorded.processes(),
            "lost": recorded.lost(),
        }

    def newest(self, filters: Filters, limit: int) -> dict[str, Any]:
        """The newest requests, at most ``limit``, and how many there are in all."""
        records = self.recorded.requests(filters, limit)
        return {"total": self.recorded.count(filters), "requests": [asdict(record) for record in records]}

    def tests(self, filters: Filters) -> dict[str, Any]:
        """What each test executed."""
        return suite_object(self.recorded, filters)

    def last_window(self) -> dict[str, Any]:
        """The summary of the last window that was opened."""
        recorded = self.recorded
        ambient = {trace.id: trace for trace in recorded.ambient()}
        before = [*ambient, *recorded.traces_before_last_window()]
        return summarise_window(recorded.windows(), before, ambient | recorded.traces())

    def one(self, request_id: str) -> dict[str, Any] | None:
        """One request with its lines by file; None if there is none with this id."""
        record = self.recorded.request(request_id)
        if record is None:
            return None
        trace = self.recorded.union([record.trace])
        return {**asdict(record), "files": relative_lines(trace, self.recorded.root)}


@contextmanager
def open_records(recorder: Recorder, store: str | None, *, since_reset: bool = True) -> Iterator[Records]:
    """What the recorder's run has recorded; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    recorder.flush()
    data_dir = recorder.run.path.parent.parent
    data_dir.mkdir(parents=True, exist_ok=True)
    with open_store(store_url(data_dir, store)) as opened:
        run = opened.sync(recorder.run)
        period = len(recorder.run.marks()) if since_reset else None
        with opened.recorded([run], period=period) as recorded:
            yield Records(recorded, opened.warnings)
