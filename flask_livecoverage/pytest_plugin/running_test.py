"""The test that runs in this process, and its identity in the server."""

from __future__ import annotations

import threading

from ..errors import LiveCoverageError
from .identity import IdentityChannel
from .names import part_name
from .session_report import Outage, SessionReport


class RunningTest:
    """The test that runs now, or none, and its parts.

    A lock keeps the messages to the server in the order of the calls, because some runners call pytest's hooks from
    several threads at once. A server that does not answer is reported, and the tests continue.
    """

    def __init__(self, report: SessionReport) -> None:
        self.name: str | None = None
        self.identity: str | None = None
        """The name of the test, or of its part, that the server uses at this moment."""
        self.parts: dict[str, None] = {}
        """The names of the parts so far, in their order."""
        self.has_overlapped = False
        """Whether tests have overlapped in this process: then no request can be assigned to a test."""
        self._report = report
        self._channel: IdentityChannel | None = None
        self._operation: str | None = None
        self._has_timed_out = False
        self._lock = threading.RLock()

    def connect(self, channel: IdentityChannel) -> None:
        """Inform the server through ``channel`` from now on."""
        self._channel = channel

    def disconnect(self) -> None:
        """Inform the server that no test runs, and stop using the channel."""
        self.set_identity(None)
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def begin(self, name: str, *, interleaved: bool) -> bool:
        """Begin a test; return True if requests can be assigned to it.

        ``interleaved``: the runner starts other tests before this one ends.
        """
        with self._lock:
            # Never reset, because the running test may end before this one does.
            self.has_overlapped |= self.name is not None
            if self.has_overlapped or interleaved:
                # The test of a request is not known, and a wrong test is worse than none.
                self._report.interleaved = True
                self.set_identity(None)
                return False
            self.name = name
            self.parts.clear()
            return True

    def end(self) -> None:
        """End the test."""
        with self._lock:
            self.set_identity(None)
            self.name = None

    def end_part(self) -> None:
        """Assign later requests to the whole test, if requests are assigned to it."""
        with self._lock:
            if self.identity is not None:
                self.set_identity(self.name)

    def begin_part(self, name: str) -> None:
        """Assign later requests to the part of the test with this whole name."""
        self.parts[name] = None
        self.set_identity(name)

    def begin_operation(self, label: str) -> None:
        """Assign later requests to this operation, as a part of the test.

        Does nothing if the test's own name contains the operation, or the test has begun a part itself.
        """
        now = self.identity
        if self.name is None or now is None or label in self.name or now not in (self.name, self._operation):
            return
        self._operation = part_name(self.name, label)
        self.begin_part(self._operation)

    def set_identity(self, name: str | None) -> None:
        """Assign later requests to the test or the part ``name``, or to none; never fails."""
        with self._lock:
            if self._channel is None or self._has_timed_out or name == self.identity:
                return
            if self.has_overlapped and name is not None:
                return
            before, self.identity = self.identity, name
            try:
                self._channel.set_test(name)
            except (OSError, LiveCoverageError) as error:
                # The server may answer again for the next test. After a timeout, further attempts would make a long
                # suite endless.
                reason = getattr(error, "reason", error)
                self._has_timed_out = isinstance(reason, TimeoutError)
                self._report.outages.append(Outage(self.name or "", before is not None, str(reason)))
