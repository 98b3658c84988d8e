"""Which lines the tests that Keploy has started executed, as the run's journals tell it.

Which test a request belongs to is decided as :func:`~..journal.reader.read_run` decides it later, by
:mod:`~..journal.fold`: it may name its test (``KEPLOY-TEST-ID``; see :mod:`~..testid.headers`). The window that is open
is that of the test that was started last and has not ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ..journal.fold import FoldedRequest, RequestFold
from ..journal.tail import Tail
from ..model.records import Trace


class Windows(Protocol):
    """Opens and closes the windows of a run."""

    def open_window(self, name: str) -> None:
        """Open a window, closing an open one."""

    def close_window(self) -> object:
        """Close the open window."""

    def flush(self) -> None:
        """Have the server's processes write what their requests ran late, as far as they can be asked."""


class Collector:
    """The tests of one run that are under way. Not for several threads at once."""

    def __init__(self, tail: Tail, windows: Windows) -> None:
        self.tail = tail
        self._windows = windows
        # Those that were started and have not ended, each with its requests; the one that was started last at the end.
        self._tests: dict[str, list[FoldedRequest]] = {}
        self.fold = RequestFold()
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    @property
    def idle(self) -> bool:
        """Whether no test is under way."""
        return not self._tests

    def start(self, test: str) -> None:
        """A test begins; if it is under way already, it begins anew."""
        self._catch_up()
        if self.idle:
            # Nobody asks any more for what ran in earlier windows.
            self.fold.clear()
        self._take(test)
        self._windows.open_window(test)
        self._tests[test] = []

    def end(self, test: str) -> dict[str, list[int]] | None:
        """A test ends: the lines that its requests executed since its start, by absolute path, both ascending.

        None if it is not under way.
        """
        if test not in self._tests:
            return None
        if test == next(reversed(self._tests)):
            self._close_last_window()
        self._windows.flush()
        self._catch_up()
        traces = {trace for request in self._take(test) for trace in request.traces}
        return Trace.union(filter(None, map(self.tail.trace, traces))).line_numbers()

    def _take(self, test: str) -> list[FoldedRequest]:
        """The requests of a test that is under way no longer; empty if it was not."""
        requests = self._tests.pop(test, [])
        for request in requests:
            del self.fold.requests[request.record.id]
        return requests

    def end_all(self) -> None:
        """Forget the tests that are under way, and close their window."""
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
        """Read what is new in the journals, and give it to the tests."""
        found = [*self._waiting, *self.tail.read()]
        # A window may have been written into one journal after that was read, and a request of it into another before
        # that was: a second look has it for certain. What else this look finds waits for the next one.
        self._waiting = self.tail.read()
        for kind, line in (*found, *self._waiting):
            if kind == "window":
                self.fold.add(kind, line)
        self._waiting = [(kind, line) for kind, line in self._waiting if kind in ("request", "amend")]
        if self._tests:
            for kind, line in found:
                if kind in ("request", "amend"):
                    self.fold.add(kind, line)
            self._assign(dict.fromkeys(line["id"] for kind, line in found if kind == "request"))

    def _assign(self, request_ids: Iterable[str]) -> None:
        """Give new requests to their tests, and forget those of others."""
        requests = [self.fold.requests[request_id] for request_id in request_ids]
        placed = self.fold.assign_windows(request.record for request in requests)
        for request, record in zip(requests, placed, strict=True):
            if record.test in self._tests:
                self._tests[record.test].append(request)
            else:
                del self.fold.requests[record.id]
