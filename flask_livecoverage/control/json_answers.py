"""The answers of the routes ``stop``, ``tests``, ``requests`` and ``requests/<id>``, as objects for JSON."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import DataError
from ..exports.dump import relative_lines
from ..journal.storage import make_data_dir
from ..model.filters import Filters
from ..model.records import Window
from ..queries.lists import newest_requests
from ..queries.lookup import executed_lines, find_subject
from ..queries.recorded_suite import suite_object
from ..queries.run_counts import count_stored
from ..queries.stored_runs import open_stored_runs
from ..queries.window_summary import WindowHistories, summarise_window
from ..recording.recorder import Recorder
from ..store import RunQueries


@dataclass(frozen=True)
class JsonAnswers:
    """The answers about a run, as objects for JSON; ``warnings`` name records that cannot be read.

    ``run`` identifies the run in this store, because another store has other numbers of windows and traces.
    """

    queries: RunQueries
    warnings: Sequence[str]
    run: Hashable = None

    def counts(self) -> dict[str, Any]:
        """The counts in the state of a run."""
        return asdict(count_stored(self.queries))

    def newest(self, filters: Filters, limit: int) -> dict[str, Any]:
        """The newest requests, at most ``limit``, and the number of all."""
        found = newest_requests(self.queries, filters, limit)
        return {"total": found.total, "requests": [request.to_object() for request in found.requests]}

    def tests(self, filters: Filters) -> dict[str, Any]:
        """The lines that each test executed."""
        return suite_object(self.queries, filters)

    def window(self, histories: WindowHistories, window: Window) -> dict[str, Any]:
        """The summary of this ``window``. Raises DataError if its line in the journal cannot be read."""
        summary = summarise_window(self.queries, histories, self.run, window.opened_at)
        if summary is None:
            raise DataError("the window is closed, but the line that opened it cannot be read: use stop?summary=0")
        return asdict(summary)

    def request(self, request_id: str) -> dict[str, Any] | None:
        """One request with its lines by file; None if there is none with this id."""
        subject = find_subject(self.queries, "request", request_id)
        if subject is None or subject.record is None:
            return None
        files = relative_lines(executed_lines(self.queries, subject), self.queries.root)
        return {**subject.record.to_object(), "files": files}


@contextmanager
def open_json_answers(recorder: Recorder, store: str | None, *, since_reset: bool = True) -> Iterator[JsonAnswers]:
    """The answers about the recorder's run; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    recorder.flush()
    data_dir = recorder.run.path.parent.parent
    make_data_dir(data_dir)
    with open_stored_runs(data_dir, [recorder.run], store, since_reset=since_reset) as runs:
        yield JsonAnswers(runs.queries, runs.warnings, runs.identity)
