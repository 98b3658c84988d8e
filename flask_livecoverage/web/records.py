"""What the routes ``requests`` and ``requests/<id>`` answer, from the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..exports.dump import relative_lines
from ..filters import Filters
from ..recorder import Recorder
from ..store import Recorded, open_store, store_url


@dataclass(frozen=True)
class Records:
    """The requests that a run has recorded; ``warnings`` name what of it cannot be read."""

    recorded: Recorded
    warnings: Sequence[str]

    def newest(self, filters: Filters, limit: int) -> dict[str, Any]:
        """The newest requests, at most ``limit``, and how many there are in all."""
        records = self.recorded.requests(filters, limit)
        return {"total": self.recorded.count(filters), "requests": [asdict(record) for record in records]}

    def one(self, request_id: str) -> dict[str, Any] | None:
        """One request with its lines by file; None if there is none with this id."""
        record = self.recorded.request(request_id)
        if record is None:
            return None
        trace = self.recorded.union([record.trace])
        return {**asdict(record), "files": relative_lines(trace, self.recorded.root)}


@contextmanager
def recorded_since_reset(recorder: Recorder, store: str | None) -> Iterator[Records]:
    """What the recorder's run has recorded since the last reset; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    recorder.flush()
    data_dir = recorder.run.path.parent.parent
    data_dir.mkdir(parents=True, exist_ok=True)
    with open_store(store_url(data_dir, store)) as opened:
        run = opened.sync(recorder.run)
        with opened.recorded([run], period=len(recorder.run.marks())) as recorded:
            yield Records(recorded, opened.warnings)
