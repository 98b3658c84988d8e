"""Folds the lines about requests and windows into records: the rules, in one place.

* A request belongs to the test that it names, else to the window in which it began, else to no test. One whose test is
  empty (:data:`~..model.records.NO_TEST_NAME`) belongs to no test and to no window.
* At most one window is open at a time, in all processes of the run: opening one closes the one before.
* Late lines are added to their request, in their order. They may be read before it: a forked child can write before
  its parent. If its record never comes, because the parent was killed, they are lines outside of requests.

Journals are read one after the other, so lines arrive in any order. The store applies the same rules in SQL, a piece of
a journal at a time, and is tested against this module.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..model.records import NO_TEST_NAME, RequestRecord, Trace, Window
from .windows import window_at, windows_of

_REPLACED_FIELDS = ("status", "duration_ms")


@dataclass(frozen=True, slots=True)
class LateUpdate:
    """A late line: the id of a trace, and the fields of the record that it changes."""

    trace: str
    changes: dict[str, Any]

    @classmethod
    def of(cls, line: dict[str, Any]) -> LateUpdate:
        """Return the late update that a line of the kind ``amend`` holds."""
        changes: dict[str, Any] = {key: line[key] for key in _REPLACED_FIELDS if key in line}
        if "ended" in line:
            changes["under_way"] = not line["ended"]
        return cls(line["trace"], changes)


@dataclass(slots=True)
class FoldedRequest:
    """A request's record as it was first written, and its late updates."""

    record: RequestRecord
    late: list[LateUpdate]

    @property
    def traces(self) -> list[str]:
        """The ids of its traces, the record's first."""
        return [self.record.trace, *(late.trace for late in self.late)]

    def combined(self, traces: Mapping[str, Trace]) -> tuple[RequestRecord, Trace | None]:
        """Return the record with all late updates, and all its lines; None for these if the record's trace is missing.

        Late lines alone would look like all lines of the request. Updates whose trace is missing are left out, with
        the fields that they change.
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
    """Folds lines about requests and windows, in any order.

    ``requests`` are those whose record was read, by id. ``waiting`` are late updates whose record was not read yet.
    """

    def __init__(self) -> None:
        self.requests: dict[str, FoldedRequest] = {}
        self.waiting: dict[str, list[LateUpdate]] = {}
        self._window_events: list[tuple[float, str]] = []

    def add(self, kind: str, line: dict[str, Any], pid: int = 0) -> bool:
        """Add a line that ``pid`` wrote; False for other kinds than ``request``, ``amend`` and ``window``."""
        if kind == "request":
            self._add_record(RequestRecord(pid=pid, **line))
        elif kind == "amend":
            request = self.requests.get(line["id"])
            late = self.waiting.setdefault(line["id"], []) if request is None else request.late
            late.append(LateUpdate.of(line))
        elif kind == "window":
            self._window_events.append((line["at"], line["name"]))
        else:
            return False
        return True

    def _add_record(self, record: RequestRecord) -> None:
        before = self.requests.get(record.id)
        late = self.waiting.pop(record.id, []) if before is None else before.late
        self.requests[record.id] = FoldedRequest(record, late)

    def windows(self) -> list[Window]:
        """Return the windows that were opened, in the order of time."""
        return windows_of(self._window_events)

    def assign_windows(self, records: Iterable[RequestRecord]) -> Iterator[RequestRecord]:
        """Yield the records with their window and their test, by the windows that were read so far."""
        windows = self.windows()
        openings = [window.opened_at for window in windows]
        for record in records:
            window = window_at(record.started_at, windows, openings)
            if record.test == NO_TEST_NAME:
                yield replace(record, test=None)
            elif window is not None:
                yield replace(record, window=window.name, test=record.test or window.name)
            else:
                yield record

    def clear(self) -> None:
        """Remove all lines that were added."""
        self.requests.clear()
        self.waiting.clear()
        self._window_events.clear()
