"""The recorder: ties requests to the lines that they ran, and is the only owner of the engine's on and off."""

from __future__ import annotations

import itertools
import logging
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import Context
from functools import partial
from typing import Any

from ..engines import Capture, Engine, Hits
from ..errors import EngineError
from ..journal.reader import read_run, reading_and_reset, reset
from ..journal.run_folder import RunFolder
from ..journal.shared_files import RunGuard
from ..journal.storage import storage_error
from ..journal.writer import Journal
from ..model.records import Rule, Run
from ..sources.selection import Sources
from .request import RequestCapture, current_request
from .trace_writer import TraceWriter

logger = logging.getLogger("flask_livecoverage")

FLUSH_SECONDS = 1.0

# So many are remembered, so as not to write again what a call for the same request has written before.
_REQUESTS_OF_PARENT = 256

# An application's URL rules. Asked with False, it leaves them out while they may be being added in another thread.
RuleSource = Callable[[bool], Iterable[Rule]]


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
        self.sources = sources
        self.root = root
        self.autostart = autostart
        self.rule_sources: list[RuleSource] = []
        # Called before the state is told, the first time before any request of a suite that `livecov run` starts.
        self.at_check: list[Callable[[], None]] = []
        # Called when recording stops.
        self.at_stop: list[Callable[[], None]] = []
        self.started = False
        # Not in a fork of which Python was not told.
        self.engine_can_stop = True
        self.fault: str | None = None
        self._flush_lock = threading.Lock()
        self._watched: dict[int, Capture] = {}
        self._of_parent: dict[str, RequestCapture] = {}
        # The requests whose response began to stream since the last flush, and has not ended.
        self.streaming: dict[RequestCapture, None] = {}
        self._known_sources: list[str] = []
        self._known_rules: set[Rule] = set()
        self._no_hits = Hits()
        self._stopping = threading.Event()
        # A signal handler may fork while its thread is about to.
        self._flusher_lock = threading.RLock()
        self._flusher: threading.Thread | None = None
        self._paused = False
        self._lacks_thread = False
        self.clock = run.clock()
        self._guard = RunGuard(run, self.clock)
        self._unwritten_ambient = self._no_hits
        self._open_journal()

    def _open_journal(self) -> None:
        self.journal = Journal(self.run.path, self._header())
        self._serves = False
        self._serves_from = 0.0
        self._traces = TraceWriter(self.sources, self.journal)
        self.trace_id = self._traces.id_of
        self._request_ids = itertools.count(1)

    def _header(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "started_at": self.clock.now(),
            "root": self.root,
            "engine": self.engine.name,
            "reason": self.reason,
            "branch": self.engine.branch,
            "python": platform.python_version(),
        }

    # Life

    def start(self) -> None:
        """Start the engine, and write ambient lines every second. A second call does nothing."""
        if not self.started:
            self.sources.note_imported()
            self.engine.start()
            self.started = True
            self.resume_flushing()

    def stop(self) -> None:
        """Stop the engine and write what is left. A second call does nothing.

        What requests in flight run from now on is not recorded; after another :meth:`start`, they are measured again.
        All steps are done: an error of one is logged.
        """
        if self.started:
            do_all(self.pause_flushing)
            self.started = False
            stop_engine = self.engine.stop if self.engine_can_stop else self.engine.abandon
            do_all(stop_engine, self.flush, *self.at_stop, self.write_sources, self.write_rules, self.journal.close)

    def check(self) -> None:
        """See whether the engine still can tell requests apart.

        gevent may have come since it was started, or another tool may have ended it.
        """
        if self.started:
            try:
                self.engine.start()
            except EngineError as error:
                self.report_fault(error)
        for check in self.at_check:
            check()

    def resume_flushing(self) -> None:
        """Start the thread that flushes; a second call does nothing."""
        with self._flusher_lock:
            self._paused = False
            self._start_flusher()

    def _start_flusher(self) -> None:
        if self._paused or self._flusher is not None:
            return
        # A new one: it must be of the thread's kind, and gevent may have replaced threads since the last.
        self._stopping = stopping = threading.Event()
        flusher = threading.Thread(
            target=self._flush_regularly, args=(stopping,), name="flask-livecoverage", daemon=True
        )
        try:
            # A fork within a request comes here too, and this thread is not its work.
            Context().run(flusher.start)
        except RuntimeError as error:
            # A limit on processes, say. The next request tries again.
            self._serves = False
            self._report_lack_of_thread(error)
        else:
            self._flusher = flusher

    def _report_lack_of_thread(self, error: RuntimeError) -> None:
        if not self._lacks_thread:
            self._lacks_thread = True
            logger.warning(
                "%s: until one can be started, what runs outside of requests is written only when a request comes: "
                "allow this process more threads (ulimit -u, a container's limit of pids)",
                error,
            )

    def pause_flushing(self) -> None:
        """End the thread that flushes, and let nobody start it before :meth:`resume_flushing`."""
        with self._flusher_lock:
            self._paused = True
            self._end_flusher()

    def put_off_flushing(self) -> None:
        """End the thread that flushes; the first request starts it."""
        with self._flusher_lock:
            self._end_flusher()

    def _end_flusher(self) -> None:
        if self._flusher is not None:
            self._stopping.set()
            self._flusher.join()
            self._flusher = None

    def _flush_regularly(self, stopping: threading.Event) -> None:
        while not stopping.wait(FLUSH_SECONDS):
            do_all(self.check, self.flush, partial(self.write_rules, at_rest=False))

    def after_fork(self) -> None:
        """In a forked child: a journal of its own, and only the captures of the thread that lives on."""
        self._flush_lock = threading.Lock()
        self._flusher_lock = threading.RLock()
        self._paused = False
        capture = self.engine.after_fork()
        written = self.journal.content
        self._open_journal()
        # The parent has written its traces for both.
        self.journal.content = written
        self._watched.clear()
        self._of_parent.clear()
        self.streaming.clear()
        request = current_request()
        if request is not None and capture is not None:
            request.go_on_in_fork(self)
            self._watched[id(capture)] = capture

    # Requests

    @property
    def recording(self) -> bool:
        """Whether requests that begin now are recorded."""
        return self.autostart or self.run.shows_window()

    def open_request(self, method: str, path: str, test: str | None = None) -> RequestCapture:
        """A request that begins now."""
        if not self._serves and time.monotonic() >= self._serves_from:
            self._begin_to_serve()
        return RequestCapture(self, f"{self.journal.token}-{next(self._request_ids)}", method, path, test)

    def _begin_to_serve(self) -> None:
        """Flush, and see that this goes on: where no thread can be started, a request comes here once a second."""
        self._serves = True
        self._serves_from = time.monotonic() + FLUSH_SECONDS
        # What the import ran is on disk before the first response, whatever happens to the process within a second.
        self.flush()
        if self.started:
            # Not while another thread forks, which has paused it.
            with self._flusher_lock:
                self._start_flusher()

    def request_of_parent(self, request_id: str, recorded: bool) -> RequestCapture:
        """In a forked child: a request of its parent's for which it works, and to whose record it adds."""
        request = self._of_parent.get(request_id)
        if request is None:
            if len(self._of_parent) >= _REQUESTS_OF_PARENT:
                self._of_parent.clear()
            request = self._of_parent[request_id] = RequestCapture(self, request_id, "", "", None)
            request.go_on_in_fork(self)
            request._recorded = recorded
        return request

    def report_fault(self, error: EngineError) -> None:
        """Say once why a request is not recorded."""
        if self.fault is None:
            self.fault = str(error)
            logger.error("a request is not recorded: %s", error)

    def _watch(self, segment: Capture | None) -> None:
        """Write what this segment runs while it runs, because it may go on after the response, or for ever."""
        if segment is not None:
            self._watched[id(segment)] = segment

    def _unwatch(self, segment: Capture | None) -> None:
        self._watched.pop(id(segment), None)

    # Windows, and what the run has recorded: of all its processes

    def open_window(self, name: str) -> None:
        """Open a window, closing an open one; requests are recorded as long as it is open. Raises StorageError."""
        shown = self.run.shows_window()
        self.run.show_window()
        if not self.journal.append_object("window", name=name, at=self.clock.now()):
            if not shown:
                self.run.hide_window()
            raise storage_error(self.journal.path, self.journal.error, "no window was opened")

    def close_window(self) -> bool:
        """Close the window that a process of the run has opened; whether there was one. Raises StorageError."""
        # First: the sign may have been removed with the folder.
        self.flush()
        if not self.run.shows_window():
            return False
        self.run.hide_window()
        if not self.journal.append_object("window", name="", at=self.clock.now()):
            self.run.show_window()
            raise storage_error(self.journal.path, self.journal.error, "the window is still open")
        return True

    @contextmanager
    def reading(self, *, reset: bool = False) -> Iterator[Run]:
        """What the run has recorded since the last reset; with ``reset``, one happens when the block ends well."""
        self.flush()
        self.write_sources()
        self.write_rules()
        if reset:
            with reading_and_reset(self.run) as run:
                yield run
            self.flush()
        else:
            yield read_run(self.run, since_mark=True)

    def reset(self) -> None:
        """Move the mark from which readings count to now. Nothing is deleted."""
        self.flush()
        reset(self.run)
        self.flush()

    # What runs outside the requests' own calls

    def flush(self) -> None:
        """Write the ambient lines since the last time, and what requests ran after their response."""
        with self._flush_lock:
            self._look_after_files()
            ambient = self._unwritten_ambient.union(self.engine.ambient())
            if ambient and self.journal.append_object("ambient", trace=self.trace_id(ambient)):
                ambient = self._no_hits
            self._unwritten_ambient = ambient
            after_response = self.engine.late()
            watched = [(capture, self.engine.peek(capture)) for capture in list(self._watched.values())]
            for capture, hits in (*after_response, *watched):
                capture.owner.add(hits)
                capture.owner.commit_late()
            for request in list(self.streaming):
                self.streaming.pop(request, None)
                request.tell_under_way()

    def _look_after_files(self) -> None:
        """See that readers find what was written, and write what could not be written before."""
        # First: the journal makes the folder anew, and then nobody sees that it was gone.
        self._guard.look_after()
        self.journal.look_after()
        self._traces.write_left()

    def write_sources(self) -> None:
        """Write which files the configuration wants measured, if that has changed."""
        files = self.sources.possible_files()
        if files != self._known_sources and self.journal.append_object("sources", files=files):
            self._known_sources = files

    def write_rules(self, *, at_rest: bool = True) -> None:
        """Write the applications' URL rules that are not written yet.

        Not ``at_rest``: another thread may be adding rules to an application that does not serve yet.
        """
        new = {rule for source in self.rule_sources for rule in source(at_rest)} - self._known_rules
        entries = sorted((rule.rule, rule.endpoint, rule.methods) for rule in new)
        if new and self.journal.append_object("rules", rules=entries):
            self._known_rules |= new


def do_all(*steps: Callable[[], object]) -> None:
    """Take all these steps, in their order. An error of one is logged, and the others are taken all the same."""
    with ExitStack() as stack:
        for step in reversed(steps):
            stack.callback(_logged, step)


def _logged(step: Callable[[], object]) -> None:
    try:
        step()
    except Exception:
        logger.exception("%s has failed", getattr(step, "__qualname__", step))
