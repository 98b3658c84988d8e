"""The recorder: records requests with the lines that they ran. Only this code starts and stops the engine."""

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
from ..model.records import Window
from ..sources.selection import Sources
from .best_effort import run_all
from .flusher import Flusher
from .inventory import Inventory
from .pending_lines import PendingLines
from .request import RunningRequest, current_request
from .session import RecordingSession
from .trace_writer import TraceWriter

# How many parent requests a forked child remembers, so that later calls for the same request do not write its lines
# again.
_MAX_PARENT_REQUESTS = 256


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
        # Called by each check: once a second, and before the status is reported. The first status of a server that
        # `livecov run` starts is reported before any request of its suite.
        self.at_check: list[Callable[[], None]] = []
        # Called once a second, after all lines are written.
        self.at_rest: list[Callable[[], None]] = []
        # Called when recording stops.
        self.at_stop: list[Callable[[], None]] = []
        # Called in a forked child.
        self.at_fork: list[Callable[[], None]] = []
        # False in a fork by uWSGI that did not call Python's fork hooks.
        self.engine_can_stop = True
        self.sources = sources
        self._late = PendingLines(self.session, run)
        self._parent_requests: dict[str, RunningRequest] = {}
        self._open_journal()

    def _open_journal(self) -> None:
        journal = Journal(self.run.path, self._header())
        self.session.use(journal, TraceWriter(self.sources, journal))
        self._windows = WindowSwitch(self.run, journal, self.session.clock)
        self._is_serving = False
        self._next_start = 0.0
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

    # Life cycle

    def start(self) -> None:
        """Start the engine, and write ambient lines every second. Idempotent."""
        if not self.session.started:
            self.sources.note_imported()
            self.engine.start()
            self.inventory.imports.install()
            self.session.started = True
            self.resume_flushing()

    def stop(self) -> None:
        """Stop the engine and write what is not written yet. Idempotent.

        Lines that requests in flight run from now on are not recorded; after another :meth:`start`, they are again.
        An error in one step is logged, and the others still run.
        """
        if self.session.started:
            run_all(self.flusher.pause)
            self.session.started = False
            stop_engine = self.engine.stop if self.engine_can_stop else self.engine.abandon
            inventory = self.inventory
            write_inventory = inventory.write_sources, inventory.write_imports, inventory.write_rules
            run_all(
                stop_engine, inventory.imports.uninstall, self.flush, *self.at_stop, *write_inventory,
                self.journal.close,
            )  # fmt: skip

    def check(self) -> None:
        """Check that the engine still separates the lines of requests.

        gevent may have been imported since its start, or another tool may have ended it.
        """
        if self.session.started:
            try:
                self.engine.start()
            except EngineError as error:
                self.session.report_fault(error)
        for check in self.at_check:
            check()

    def resume_flushing(self) -> None:
        """Start the flushing thread, after a pause too. If no thread can be started, the next request tries again."""
        if not self.flusher.resume():
            self._is_serving = False

    def flush(self) -> None:
        """Write the lines that run outside of the requests' own calls, so that readers find all that has run by now."""
        self._late.write()

    def _flush_regularly(self) -> None:
        inventory = self.inventory
        write_rules = partial(inventory.write_rules, at_rest=False)
        run_all(self.check, self.flush, inventory.write_imports, write_rules, *self.at_rest)

    def after_fork(self) -> None:
        """Continue in a forked child: with a journal of its own, and only the captures of the surviving thread."""
        self.flusher.after_fork()
        self._late.after_fork()
        for forget in self.at_fork:
            forget()
        capture = self.engine.after_fork()
        generation = self.journal.generation
        self._open_journal()
        # The traces that the parent has written count for the child too.
        self.journal.generation = generation
        self.session.after_fork()
        self._parent_requests.clear()
        request = current_request()
        if request is not None and capture is not None:
            request.continue_in_fork()
            self.session.watch(capture)

    # Requests

    def open_request(self, method: str, path: str, test: str | None = None) -> RunningRequest:
        """Create the running request that begins now."""
        if not self._is_serving and time.monotonic() >= self._next_start:
            self._start_serving()
        session = self.session
        return RunningRequest(session, f"{session.journal.token}-{next(self._request_ids)}", method, path, test)

    def _start_serving(self) -> None:
        """Flush, and start the flushing thread. If none can be started, one request a second calls this."""
        self._is_serving = True
        self._next_start = time.monotonic() + self.flusher.seconds
        # The lines of imports are on disk before the first response, whatever happens to the process within a second.
        self.flush()
        if self.session.started:
            self._is_serving = self.flusher.start()

    def parent_request(self, request_id: str, is_recordable: bool) -> RunningRequest:
        """Return, in a forked child, the running request of the parent to whose record the child adds lines."""
        request = self._parent_requests.get(request_id)
        if request is None:
            if len(self._parent_requests) >= _MAX_PARENT_REQUESTS:
                self._parent_requests.clear()
            request = self._parent_requests[request_id] = RunningRequest(self.session, request_id, "", "", None)
            request.continue_in_fork(is_recordable=is_recordable)
        return request

    # Windows, shared by all processes of the run

    def open_window(self, name: str) -> None:
        """Open a window, closing an open one; requests are recorded as long as it is open. Raises StorageError."""
        self._windows.open(name)

    def close_window(self) -> Window | None:
        """Close the window that a process of the run has opened, and return it; None if none is open.

        Raises StorageError.
        """
        # First, because the file that marks an open window may have been removed with the folder.
        self.flush()
        return self._windows.close()
