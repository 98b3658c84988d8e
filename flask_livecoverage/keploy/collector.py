"""Collects from the run's journals the lines of the tests that Keploy has started.

:mod:`~..journal.fold` decides which test a request belongs to, as it does for :func:`~..journal.reader.read_run`. A
request may name its test (``KEPLOY-TEST-ID``; see :mod:`~..testid.headers`). The open window is that of the test that
was started last and has not ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..journal.fold import FoldedRequest, RequestFold
from ..journal.tail import Tail
from ..model.records import Trace


class WindowControl(Protocol):
    """Opens and closes the windows of a run."""

    def open_window(self, name: str) -> None:
        """Open a window, and close the one that is open."""

    def close_window(self) -> object:
        """Close the open window."""

    def flush(self) -> None:
        """Make the server's processes write the late lines of their requests, if they can be reached."""


class Collector:
    """The running tests of one run. Not thread-safe."""

    def __init__(self, tail: Tail, windows: WindowControl) -> None:
        self.tail = tail
        self._windows = windows
        # The tests that were started and have not ended, each with its requests, in the order of their start.
        self._tests: dict[str, list[FoldedRequest]] = {}
        self.fold = RequestFold()
        self._pending: list[tuple[str, dict[str, Any]]] = []

    @property
    def idle(self) -> bool:
        """Return whether no test is running."""
        return not self._tests

    def start(self, test: str) -> None:
        """Start a test; if it is running already, start it again."""
        self._catch_up()
        if self.idle:
            # The requests of earlier windows are not needed any more.
            self.fold.clear()
        self._remove(test)
        self._windows.open_window(test)
        self._tests[test] = []

    def end(self, test: str) -> dict[str, list[int]] | None:
        """End a test; return the lines that its requests executed since its start, by absolute path, both ascending.

        None if it is not running.
        """
        if test not in self._tests:
            return None
        if test == next(reversed(self._tests)):
            self._close_last_window()
        self._windows.flush()
        self._catch_up()
        traces = {trace for request in self._remove(test) for trace in request.traces}
        return Trace.union(filter(None, map(self.tail.trace, traces))).line_numbers()

    def _remove(self, test: str) -> list[FoldedRequest]:
        """Remove a test, and return its requests; empty if it was not running."""
        requests = self._tests.pop(test, [])
        for request in requests:
            del self.fold.requests[request.record.id]
        return requests

    def end_all(self) -> None:
        """Forget the running tests, and close their window."""
        if self._tests:
            self._tests.clear()
            self._windows.close_window()

    def _close_last_window(self) -> None:
        earlier = list(self._tests)[:-1]
        if earlier:
            self._windows.open_window(earlier[-1])
        else:
            self._windows.close_window()

    def _catch_up(self) -> None:
        """Read the new lines of the journals, and assign requests to the tests."""
        found = [*self._pending, *self.tail.read()]
        # A window may have been written to one journal after that was read, and one of its requests to another journal
        # before that was read. A second read is certain to find the window; its other lines are kept for the next call.
        self._pending = self.tail.read()
        for kind, line in (*found, *self._pending):
            if kind == "window":
                self.fold.add(kind, line)
        self._pending = [(kind, line) for kind, line in self._pending if kind in ("request", "amend")]
        if self._tests:
            for kind, line in found:
                if kind in ("request", "amend"):
                    self.fold.add(kind, line)
            self._assign(dict.fromkeys(line["id"] for kind, line in found if kind == "request"))

    def _assign(self, request_ids: Iterable[str]) -> None:
        """Add new requests to their tests, and forget the requests of other tests."""
        requests = [self.fold.requests[request_id] for request_id in request_ids]
        assigned = self.fold.assign_windows(request.record for request in requests)
        for request, record in zip(requests, assigned, strict=True):
            if record.test in self._tests:
                self._tests[record.test].append(request)
            else:
                del self.fold.requests[record.id]
