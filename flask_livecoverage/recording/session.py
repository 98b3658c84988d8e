"""The state that the requests of one process share while they are recorded."""

from __future__ import annotations

import logging
from typing import Protocol

from ..engines import Capture, Engine, Hits
from ..errors import EngineError
from ..journal.clock import RunClock
from ..journal.run_folder import RunFolder
from ..journal.writer import Journal
from .trace_writer import TraceWriter

logger = logging.getLogger("flask_livecoverage")

NO_HITS = Hits()


class Streaming(Protocol):
    """A request whose response has begun and not ended."""

    def tell_under_way(self) -> None:
        """Write that the response goes on."""


class RecordingSession:
    """The engine, the journal, the traces and the clock of one process, and which of its requests need attention.

    :param engine: not started yet.
    :param run: the folder of the run that the process takes part in.
    :param autostart: whether requests are recorded when no window is open.
    """

    def __init__(self, engine: Engine, run: RunFolder, clock: RunClock, *, autostart: bool) -> None:
        self.engine = engine
        self.clock = clock
        self.autostart = autostart
        self.started = False
        self.fault: str | None = None
        """Why requests are not recorded, if one was not."""
        self.watched: dict[int, Capture] = {}
        """The segments that may outlast their response: what they run is written while they run."""
        self.streaming: dict[Streaming, None] = {}
        """The requests whose response began to stream since the last flush, and has not ended."""
        self._run = run

    def use(self, journal: Journal, traces: TraceWriter) -> None:
        """Write into this journal from now on."""
        self.journal = journal
        self.traces = traces
        self.trace_id = traces.id_of

    @property
    def recording(self) -> bool:
        """Whether requests that begin now are recorded."""
        return self.autostart or self._run.shows_window()

    def watch(self, segment: Capture) -> None:
        """Write what this segment runs while it runs, because it may go on after the response, or for ever."""
        self.watched[id(segment)] = segment

    def unwatch(self, segment: Capture) -> None:
        """The segment has ended."""
        self.watched.pop(id(segment), None)

    def report_fault(self, error: EngineError) -> None:
        """Log why a request is not recorded, once."""
        if self.fault is None:
            self.fault = str(error)
            logger.error("a request is not recorded: %s", error)

    def after_fork(self) -> None:
        """In a forked child: forget the parent's requests."""
        self.watched.clear()
        self.streaming.clear()
