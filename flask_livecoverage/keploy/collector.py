"""Which lines the tests that Keploy has started executed, as the run's journals tell it.

A request belongs to the test that it names (``KEPLOY-TEST-ID``; see :mod:`~..testid.headers`), else to the
window in which it began: the same rule by which :func:`~..journal.reader.read_run` reads the run later. A run
has one open window at most, and here it is that of the test that was started last and has not ended.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..journal.tail import Tail
from ..journal.windows import window_at, windows_of
from ..model.records import Trace


class Windows(Protocol):
    """Opens and closes the windows of a run."""

    def open_window(self, name: str) -> None:
        """Open a window, closing an open one."""

    def close_window(self) -> object:
        """Close the open window."""

    def flush(self) -> None:
        """Have the server's processes write what their requests ran late, as far as they can be asked."""


@dataclass
class _Test:
    """A test that was started and has not ended: its requests, and the ids of the traces that they left."""

    requests: set[str] = field(default_factory=set)
    traces: dict[str, None] = field(default_factory=dict)


Line = tuple[str, dict[str, Any]]


class Collector:
    """The tests of one run that are under way. Not for several threads at once."""

    def __init__(self, tail: Tail, windows: Windows) -> None:
        self.tail = tail
        self._windows = windows
        # The one that was started last at the end.
        self._tests: dict[str, _Test] = {}
        self._events: list[tuple[float, str]] = []
        self._waiting: list[Line] = []
        self._early_amends: dict[str, list[str]] = {}

    @property
    def idle(self) -> bool:
        """Whether no test is under way."""
        return not self._tests

    def start(self, test: str) -> None:
        """A test begins; if it is under way already, it begins anew."""
        self._catch_up()
        if self.idle:
            # Nobody asks any more for what ran in earlier windows.
            self._events.clear()
            self._early_amends.clear()
        self._tests.pop(test, None)
        self._windows.open_window(test)
        self._tests[test] = _Test()

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
        found = self._tests.pop(test)
        return Trace.union(filter(None, map(self.tail.trace, found.traces))).line_numbers()

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
                self._events.append((line["at"], line["name"]))
        self._waiting = [(kind, line) for kind, line in self._waiting if kind in ("request", "amend")]
        if self._tests:
            self._place(line for kind, line in found if kind == "request")
            self._add_amends(line for kind, line in found if kind == "amend")

    def _place(self, requests: Iterable[dict[str, Any]]) -> None:
        windows = windows_of(self._events)
        openings = [window.opened_at for window in windows]
        for request in requests:
            name = request["test"]
            if name is None:
                window = window_at(request["started_at"], windows, openings)
                name = window.name if window is not None else None
            test = self._tests.get(name)
            if test is not None:
                test.requests.add(request["id"])
                test.traces.update(dict.fromkeys((request["trace"], *self._early_amends.pop(request["id"], ()))))

    def _add_amends(self, amends: Iterable[dict[str, Any]]) -> None:
        for amend in amends:
            tests = [test for test in self._tests.values() if amend["id"] in test.requests]
            for test in tests:
                test.traces[amend["trace"]] = None
            if not tests:
                # A forked child may amend before its parent has written the request.
                self._early_amends.setdefault(amend["id"], []).append(amend["trace"])
