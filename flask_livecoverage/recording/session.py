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

    def write_under_way(self) -> None:
        """Write that the response has not ended."""


class RecordingSession:
    """The engine, journal, traces and clock of one process, and the requests that each flush has to look at.

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
        """Why a request was not recorded, if one was not."""
        self.watched: dict[int, Capture] = {}
        """The segments that may outlast their response: their lines are written while they run."""
        self.streaming: dict[Streaming, None] = {}
        """The requests whose response has begun to stream since the last flush, and has not ended."""
        self._run = run

    def use(self, journal: Journal, traces: TraceWriter) -> None:
        """Write into this journal from now on."""
        self.journal = journal
        self.traces = traces
        self.trace_id = traces.id_of

    @property
    def recording(self) -> bool:
        """Whether requests that begin now are recorded."""
        return self.autostart or self._run.has_open_window()

    def watch(self, segment: Capture) -> None:
        """Write the lines of this segment while it runs, because it may outlast the response, or never end."""
        self.watched[id(segment)] = segment

    def unwatch(self, segment: Capture) -> None:
        """Note that the segment has ended."""
        self.watched.pop(id(segment), None)

    def report_fault(self, error: EngineError) -> None:
        """Log why a request is not recorded, once."""
        if self.fault is None:
            self.fault = str(error)
            logger.error("a request is not recorded: %s", error)

    def after_fork(self) -> None:
        """Drop the parent's requests in a forked child."""
        self.watched.clear()
        self.streaming.clear()
