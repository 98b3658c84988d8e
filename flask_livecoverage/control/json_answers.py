"""The answers of the routes ``stop``, ``tests``, ``requests`` and ``requests/<id>``, as objects for JSON."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..exports.dump import relative_lines
from ..journal.storage import make_data_dir
from ..model.filters import Filters
from ..queries.lists import newest_requests
from ..queries.lookup import executed_lines, find_subject
from ..queries.recorded_suite import suite_object
from ..queries.run_counts import count_stored
from ..queries.stored_runs import open_stored_runs
from ..queries.window_summary import WindowHistories, summarise_last_window
from ..recording.recorder import Recorder
from ..store import RunQueries


@dataclass(frozen=True)
class Records:
    """The recorded requests of a run; ``warnings`` name records that cannot be read.

    ``run`` identifies the run in this store, because another store has other numbers of windows and traces.
    """

    recorded: RunQueries
    warnings: Sequence[str]
    run: Hashable = None

    def counts(self) -> dict[str, Any]:
        """The counts in the state of a run."""
        return asdict(count_stored(self.recorded))

    def newest(self, filters: Filters, limit: int) -> dict[str, Any]:
        """The newest requests, at most ``limit``, and the number of all."""
        found = newest_requests(self.recorded, filters, limit)
        return {"total": found.total, "requests": [request.to_object() for request in found.requests]}

    def tests(self, filters: Filters) -> dict[str, Any]:
        """The lines that each test executed."""
        return suite_object(self.recorded, filters)

    def last_window(self, histories: WindowHistories) -> dict[str, Any]:
        """The summary of the last window that was opened."""
        summary = summarise_last_window(self.recorded, histories, self.run)
        assert summary is not None
        return asdict(summary)

    def one(self, request_id: str) -> dict[str, Any] | None:
        """One request with its lines by file; None if there is none with this id."""
        subject = find_subject(self.recorded, "request", request_id)
        if subject is None or subject.record is None:
            return None
        files = relative_lines(executed_lines(self.recorded, subject), self.recorded.root)
        return {**subject.record.to_object(), "files": files}


@contextmanager
def open_records(recorder: Recorder, store: str | None, *, since_reset: bool = True) -> Iterator[Records]:
    """The records of the recorder's run; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    recorder.flush()
    data_dir = recorder.run.path.parent.parent
    make_data_dir(data_dir)
    with open_stored_runs(data_dir, [recorder.run], store, since_reset=since_reset) as runs:
        yield Records(runs.recorded, runs.warnings, runs.identity)
