"""The recorder: ties requests to the lines that they ran, and is the only owner of the engine's on and off."""

from __future__ import annotations

import itertools
import os
import platform
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from ..engines import Engine
from ..errors import EngineError
from ..journal.run_folder import RunFolder
from ..journal.window_switch import WindowSwitch
from ..journal.writer import Journal
from ..sources.selection import Sources
from .flusher import Flusher
from .inventory import Inventory
from .late_lines import LateLines
from .request import RequestCapture, current_request
from .session import RecordingSession
from .steps import do_all
from .trace_writer import TraceWriter

# So many are remembered, so as not to write again what a call for the same request has written before.
_REQUESTS_OF_PARENT = 256


class Recorder:
    """Records the requests of one process into its journal.

    :param engine: not started yet.
    :param reason: why this engine.
    :param run: the folder of the run that the process takes part in.
    :param root: the folder relative to which reports show paths.
    :param autostart: whether requests are recorded when no window is open.
    """

    def __init__(
        self, engine: Engine, reason: str, *, sources: Sources, run: RunFolder, root: str, autostart: bool = True
    ) -> None:
        self.engine = engine
        self.reason = reason
        self.run = run
        self.root = root
        self.session = RecordingSession(engine, run, run.clock(), autostart=autostart)
        self.inventory = Inventory(sources, self.session)
        self.flusher = Flusher(self._flush_regularly)
        # Called before the state is told, the first time before any request of a suite that `livecov run` starts.
        self.at_check: list[Callable[[], None]] = []
        # Called when recording stops.
        self.at_stop: list[Callable[[], None]] = []
        # Not in a fork of which Python was not told.
        self.engine_can_stop = True
        self.sources = sources
        self._late = LateLines(self.session, run)
        self._of_parent: dict[str, RequestCapture] = {}
        self._open_journal()

    def _open_journal(self) -> None:
        journal = Journal(self.run.path, self._header())
        self.session.use(journal, TraceWriter(self.sources, journal))
        self._windows = WindowSwitch(self.run, journal, self.session.clock)
        self._serves = False
        self._serves_from = 0.0
        self._request_ids = itertools.count(1)

    def _header(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "started_at": self.session.clock.now(),
            "root": self.root,
            "engine": self.engine.name,
            "reason": self.reason,
            "branch": self.engine.branch,
            "python": platform.python_version(),
        }

    @property
    def journal(self) -> Journal:
        """The journal of this process."""
        return self.session.journal

    # Life

    def start(self) -> None:
        """Start the engine, and write ambient lines every second. A second call does nothing."""
        if not self.session.started:
            self.sources.note_imported()
            self.engine.start()
            self.session.started = True
            self.resume_flushing()

    def stop(self) -> None:
        """Stop the engine and write what is left. A second call does nothing.

        What requests in flight run from now on is not recorded; after another :meth:`start`, they are measured again.
        All steps are done: an error of one is logged.
        """
        if self.session.started:
            do_all(self.flusher.pause)
            self.session.started = False
            stop_engine = self.engine.stop if self.engine_can_stop else self.engine.abandon
            write_inventory = self.inventory.write_sources, self.inventory.write_rules
            do_all(stop_engine, self.flush, *self.at_stop, *write_inventory, self.journal.close)

    def check(self) -> None:
        """See whether the engine still can tell requests apart.

        gevent may have come since it was started, or another tool may have ended it.
        """
        if self.session.started:
            try:
                self.engine.start()
            except EngineError as error:
                self.session.report_fault(error)
        for check in self.at_check:
            check()

    def resume_flushing(self) -> None:
        """Start the thread that flushes, after a pause too. Where none can be started, the next request tries again."""
        if not self.flusher.resume():
            self._serves = False

    def flush(self) -> None:
        """Write what runs outside of the requests' own calls, so that readers find all that has run by now."""
        self._late.write()

    def _flush_regularly(self) -> None:
        do_all(self.check, self.flush, partial(self.inventory.write_rules, at_rest=False))

    def after_fork(self) -> None:
        """In a forked child: a journal of its own, and only the captures of the thread that lives on."""
        self.flusher.after_fork()
        self._late.after_fork()
        capture = self.engine.after_fork()
        written = self.journal.content
        self._open_journal()
        # The parent has written its traces for both.
        self.journal.content = written
        self.session.after_fork()
        self._of_parent.clear()
        request = current_request()
        if request is not None and capture is not None:
            request.go_on_in_fork()
            self.session.watch(capture)

    # Requests

    def open_request(self, method: str, path: str, test: str | None = None) -> RequestCapture:
        """A request that begins now."""
        if not self._serves and time.monotonic() >= self._serves_from:
            self._begin_to_serve()
        session = self.session
        return RequestCapture(session, f"{session.journal.token}-{next(self._request_ids)}", method, path, test)

    def _begin_to_serve(self) -> None:
        """Flush, and see that this goes on: where no thread can be started, a request comes here once a second."""
        self._serves = True
        self._serves_from = time.monotonic() + self.flusher.seconds
        # What the import ran is on disk before the first response, whatever happens to the process within a second.
        self.flush()
        if self.session.started:
            self._serves = self.flusher.start()

    def request_of_parent(self, request_id: str, recorded: bool) -> RequestCapture:
        """In a forked child: a request of its parent's for which it works, and to whose record it adds."""
        request = self._of_parent.get(request_id)
        if request is None:
            if len(self._of_parent) >= _REQUESTS_OF_PARENT:
                self._of_parent.clear()
            request = self._of_parent[request_id] = RequestCapture(self.session, request_id, "", "", None)
            request.go_on_in_fork(recorded=recorded)
        return request

    # Windows, of all the run's processes

    def open_window(self, name: str) -> None:
        """Open a window, closing an open one; requests are recorded as long as it is open. Raises StorageError."""
        self._windows.open(name)

    def close_window(self) -> bool:
        """Close the window that a process of the run has opened; whether there was one. Raises StorageError."""
        # First: the sign may have been removed with the folder.
        self.flush()
        if not self.run.shows_window():
            return False
        self._windows.close()
        return True
