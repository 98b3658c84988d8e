"""Writes the lines that no request writes with its response: those of start-up, and of work after a response."""

from __future__ import annotations

import threading

from ..journal.run_folder import RunFolder
from ..journal.shared_files import SharedFiles
from .session import NO_HITS, RecordingSession


class PendingLines:
    """Writes ambient lines, and lines that requests run after their response."""

    def __init__(self, session: RecordingSession, run: RunFolder) -> None:
        self._session = session
        self._shared_files = SharedFiles(run, session.clock)
        self._unwritten_ambient = NO_HITS
        self._lock = threading.Lock()

    def write(self) -> None:
        """Write the ambient lines since the last call, and the lines that requests ran after their response."""
        with self._lock:
            self._restore_files()
            self._write_ambient()
            self._write_late()

    def _restore_files(self) -> None:
        """Restore removed files, so that readers find all that was written, and write pending traces."""
        # First, because once the journal has created the folder again, its removal can no longer be seen.
        self._shared_files.restore()
        self._session.journal.maintain()
        self._session.traces.write_pending()

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
            request.write_under_way()

    def after_fork(self) -> None:
        """Replace the lock in a forked child, because another thread of the parent may have held it."""
        self._lock = threading.Lock()
