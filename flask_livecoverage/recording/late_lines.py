"""Lines that no request writes with its response: of start-up, and of work that goes on after a response."""

from __future__ import annotations

import threading

from ..journal.run_folder import RunFolder
from ..journal.shared_files import RunGuard
from .session import NO_HITS, RecordingSession


class LateLines:
    """Writes what runs outside of the requests' own calls."""

    def __init__(self, session: RecordingSession, run: RunFolder) -> None:
        self._session = session
        self._guard = RunGuard(run, session.clock)
        self._unwritten_ambient = NO_HITS
        self._lock = threading.Lock()

    def write(self) -> None:
        """Write the ambient lines since the last time, and what requests ran after their response."""
        with self._lock:
            self._look_after_files()
            self._write_ambient()
            self._write_late()

    def _look_after_files(self) -> None:
        """See that readers find what was written, and write what could not be written before."""
        # First: the journal makes the folder anew, and then nobody sees that it was gone.
        self._guard.look_after()
        self._session.journal.look_after()
        self._session.traces.write_left()

    def _write_ambient(self) -> None:
        session = self._session
        ambient = self._unwritten_ambient.union(session.engine.ambient())
        if ambient and session.journal.append_object("ambient", trace=session.trace_id(ambient)):
            ambient = NO_HITS
        self._unwritten_ambient = ambient

    def _write_late(self) -> None:
        engine = self._session.engine
        after_response = engine.late()
        watched = [(capture, engine.peek(capture)) for capture in list(self._session.watched.values())]
        for capture, hits in (*after_response, *watched):
            capture.owner.add(hits)
            capture.owner.commit_late()
        for request in list(self._session.streaming):
            self._session.streaming.pop(request, None)
            request.tell_under_way()

    def after_fork(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.Lock()
