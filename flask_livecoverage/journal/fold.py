"""What the lines about requests and windows mean together: the one statement of it.

* A request belongs to the test that it names, else to the window in which it began, else to no test. One whose test is
  empty (:data:`~..model.records.NO_TEST`) belongs to no test and to no window.
* At most one window is open at a time, in all processes of the run: opening one closes the one before.
* Late lines are added to their request, in their order. They may be read before it: a forked child can write sooner
  than its parent.

Journals are read one after the other, so lines come in any order. The store does the same in SQL, a piece of a journal
at a time, and is tested against this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..model.records import NO_TEST, RequestRecord, Trace, Window
from .windows import window_at, windows_of

_REPLACED = ("status", "duration_ms")


@dataclass(frozen=True, slots=True)
class Late:
    """A late line: the id of a trace, and fields of the record that have another value now."""

    trace: str
    changes: dict[str, Any]

    @classmethod
    def of(cls, line: dict[str, Any]) -> Late:
        """What a line of the kind ``amend`` holds."""
        changes: dict[str, Any] = {key: line[key] for key in _REPLACED if key in line}
        if "ended" in line:
            changes["under_way"] = not line["ended"]
        return cls(line["trace"], changes)


@dataclass(slots=True)
class FoldedRequest:
    """A request's record as it was written first, and what late lines have added to it."""

    record: RequestRecord
    late: list[Late]

    @property
    def traces(self) -> list[str]:
        """The ids of the traces that it has left, the record's first."""
        return [self.record.trace, *(late.trace for late in self.late)]

    def whole(self, traces: Mapping[str, Trace]) -> tuple[RequestRecord, Trace | None]:
        """The record as it is in the end, and all lines of the request, where ``traces`` has those of its record.

        Without them it has none: a part of its lines would look like all. Late lines that are missing are left out,
        with what they change.
        """
        record, trace = self.record, traces.get(self.record.trace)
        if trace is None:
            return record, None
        for late in self.late:
            if late.trace in traces:
                trace |= traces[late.trace]
                record = replace(record, trace=trace.id, **late.changes)
        return record, trace


class RequestFold:
    """Folds lines about requests and windows, in whatever order they are read.

    ``requests`` are those whose record was read, by id. ``early`` are late lines whose record was not.
    """

    def __init__(self) -> None:
        self.requests: dict[str, FoldedRequest] = {}
        self.early: dict[str, list[Late]] = {}
        self._window_events: list[tuple[float, str]] = []

    def add(self, kind: str, line: dict[str, Any], pid: int = 0) -> bool:
        """Add a line that ``pid`` wrote; False for other kinds than ``request``, ``amend`` and ``window``."""
        if kind == "request":
            self._add_record(RequestRecord(pid=pid, **line))
        elif kind == "amend":
            request = self.requests.get(line["id"])
            late = self.early.setdefault(line["id"], []) if request is None else request.late
            late.append(Late.of(line))
        elif kind == "window":
            self._window_events.append((line["at"], line["name"]))
        else:
            return False
        return True

    def _add_record(self, record: RequestRecord) -> None:
        before = self.requests.get(record.id)
        late = self.early.pop(record.id, []) if before is None else before.late
        self.requests[record.id] = FoldedRequest(record, late)

    def windows(self) -> list[Window]:
        """The windows that were opened, in the order of time."""
        return windows_of(self._window_events)

    def place(self, records: Iterable[RequestRecord]) -> Iterator[RequestRecord]:
        """Records with their window and their test, as far as windows are known by now."""
        windows = self.windows()
        openings = [window.opened_at for window in windows]
        for record in records:
            window = window_at(record.started_at, windows, openings)
            if record.test == NO_TEST:
                yield replace(record, test=None)
            elif window is not None:
                yield replace(record, window=window.name, test=record.test or window.name)
            else:
                yield record

    def clear(self) -> None:
        """Forget everything."""
        self.requests.clear()
        self.early.clear()
        self._window_events.clear()
