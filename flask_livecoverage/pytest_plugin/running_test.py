"""The test that runs in this process, and how the server knows it."""

from __future__ import annotations

import threading

from ..errors import LiveCoverageError
from .identity import Identity
from .names import part_name
from .recordings import Gone, Report


class RunningTest:
    """The test that runs now, or none, and the parts that it has.

    The server is informed in the order of the calls, because some runners call pytest's hooks from several threads at
    once. A server that does not answer is reported, and the tests go on.
    """

    def __init__(self, report: Report) -> None:
        self.name: str | None = None
        self.identity: str | None = None
        """The name by which the server knows the test, or its part, at this moment."""
        self.parts: dict[str, None] = {}
        """The names of the parts that there were so far, in their order."""
        self.in_threads = False
        """Whether tests have run beside each other in this process: then no request is any test's."""
        self._report = report
        self._channel: Identity | None = None
        self._operation: str | None = None
        self._given_up = False
        self._turn = threading.RLock()

    def connect(self, channel: Identity) -> None:
        """Inform the server through ``channel`` from now on."""
        self._channel = channel

    def disconnect(self) -> None:
        """Inform the server that no test runs, and use the channel no longer."""
        self.set_identity(None)
        if self._channel is not None:
            self._channel.close()
            self._channel = None

    def begin(self, name: str, *, interleaved: bool) -> bool:
        """A test begins; return whether requests can be its own.

        ``interleaved``: the runner starts others before it ends.
        """
        with self._turn:
            # For good: the one that runs may end before this one does.
            self.in_threads |= self.name is not None
            if self.in_threads or interleaved:
                # Whose a request is cannot be seen, and a wrong test is worse than none.
                self._report.interleaved = True
                self.set_identity(None)
                return False
            self.name = name
            self.parts.clear()
            return True

    def end(self) -> None:
        """The test is over."""
        with self._turn:
            self.set_identity(None)
            self.name = None

    def end_part(self) -> None:
        """Requests from now on are of the whole test, if any are."""
        with self._turn:
            if self.identity is not None:
                self.set_identity(self.name)

    def begin_part(self, name: str) -> None:
        """Requests from now on are of the part of the test with this whole name."""
        self.parts[name] = None
        self.set_identity(name)

    def begin_operation(self, label: str) -> None:
        """Requests from now on are of this operation, as a part of the test.

        Not if the test has the operation in its own name, or has begun a part itself.
        """
        now = self.identity
        if self.name is None or now is None or label in self.name or now not in (self.name, self._operation):
            return
        self._operation = part_name(self.name, label)
        self.begin_part(self._operation)

    def set_identity(self, name: str | None) -> None:
        """Requests from now on are of the test or the part ``name``, or of none; never fails."""
        with self._turn:
            if self._channel is None or self._given_up or name == self.identity:
                return
            if self.in_threads and name is not None:
                return
            was, self.identity = self.identity, name
            try:
                self._channel.set_test(name)
            except (OSError, LiveCoverageError) as error:
                # It may be back for the next test. One that hangs would make a long suite endless.
                reason = getattr(error, "reason", error)
                self._given_up = isinstance(reason, TimeoutError)
                self._report.gone.append(Gone(self.name or "", was is not None, str(reason)))
