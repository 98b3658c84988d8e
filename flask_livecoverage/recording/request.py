"""One request while it runs: the pieces that it is executed in, and the record that is written of it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from ..engines import Capture, Hits, current_owner
from ..errors import EngineError
from ..journal.clock import ticks
from ..journal.format import amended_line, late_line, request_line, under_way_line
from .greenlet_contexts import follow
from .session import NO_HITS, RecordingSession

T = TypeVar("T")


def current_request() -> RequestCapture | None:
    """The request that the current context works for, if any."""
    request: RequestCapture | None = current_owner()
    return request


class RequestCapture:
    """One request while it runs.

    A request is executed in segments: the call of the application, each step of a streamed body, ``close()``, a thread
    that it started. Every :meth:`enter` is matched by a :meth:`leave` in the same context, and :meth:`commit` puts on
    disk what has run so far.

    A request that another makes, through a test client say, is a request of its own, and part of the other.
    """

    __slots__ = (
        "_began", "_committed_hits", "_committed_status", "_ended", "_hits", "_in_fork", "_lock", "_made_by",
        "_recorded", "_session", "_told_under_way",
        "endpoint", "id", "method", "path", "route", "status", "test",
    )  # fmt: skip

    def __init__(self, session: RecordingSession, request_id: str, method: str, path: str, test: str | None) -> None:
        self.id = request_id
        self.method = method
        self.path = path
        self.test = test
        self.route: str | None = None
        self.endpoint: str | None = None
        self.status = 500  # until the application says otherwise
        maker: RequestCapture | None = current_owner()
        # Its id alone: requests that make requests, for ever, must not keep each other alive.
        self._made_by = None if maker is None else maker.id
        self._began = ticks()
        self._session = session
        self._recorded = session.started and (session.autostart or session.recording)
        self._hits = NO_HITS
        # Its own: requests that wait for each other's would go on doing so, one switch of threads a request.
        self._lock = threading.Lock()
        self._in_fork = False
        self._committed_hits: Hits | None = None
        self._committed_status = 0
        # Of a stream: whether it has, and whether the journal says that it has not.
        self._ended = self._told_under_way = False

    def enter(self) -> Capture | None:
        """Begin a segment in the current context; None if nothing is measured, or its lines cannot be told apart."""
        if not self._session.started:
            return None
        if "greenlet" in sys.modules:
            follow()
        try:
            return self._session.engine.begin(self)
        except EngineError as error:
            self._give_up(error)
            return None

    def leave(self, segment: Capture | None) -> None:
        """End a segment."""
        if segment is not None:
            try:
                hits = self._session.engine.end(segment)
            except EngineError as error:
                self._give_up(error)
                return
            if hits:
                self.add(hits)

    def _give_up(self, error: EngineError) -> None:
        """Record no more of this request. The application must not suffer, and lines must not be mixed."""
        if self._recorded:
            self._recorded = False
            self._session.report_fault(error)
            self._session.journal.losses.add(1, "lines could not be told apart")

    def is_part_of(self, other: RequestCapture) -> bool:
        """Whether ``other`` made this request, so that what this one runs within it is its too."""
        return self._made_by == other.id

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call ``function`` as work of this request that another thread does, even after the response."""
        segment = self.enter()
        if segment is None:
            return function(*args, **kwargs)
        self._session.watch(segment)
        try:
            return function(*args, **kwargs)
        finally:
            self._session.unwatch(segment)
            self.leave(segment)
            self.commit_late()

    def add(self, hits: Hits) -> None:
        """Add lines to the request's."""
        with self._lock:
            self._hits = self._hits.union(hits) if self._hits else hits

    def commit(self, *, ended: bool = False) -> None:
        """Write the request's record, or what has changed about it: if its response has ``ended``, the duration."""
        journal = self._session.journal
        changed = ended or self._hits is not self._committed_hits or self.status != self._committed_status
        while changed and self._recorded:
            hits, status = self._hits, self.status
            trace = hits.trace if hits.written_to is journal.content else self._session.trace_id(hits)
            line = self._record(trace) if self._committed_hits is None else self._amend(trace)
            # Without its record, what comes later would be nobody's; so it is lost whole, and counted once.
            self._recorded = journal.append(line)
            self._committed_hits, self._committed_status = hits, status
            # A thread that added lines before it could see that there is a record leaves them to us.
            changed = self._hits is not hits

    def commit_late(self) -> None:
        """Write the lines that were added, if the record is written already; else it will tell.

        They change neither the status nor the duration, which are the response's.
        """
        while self._recorded and self._committed_hits is not None:
            hits = self._hits
            if hits is self._committed_hits:
                return
            self._recorded = self._session.journal.append(late_line(self.id, self._session.trace_id(hits)))
            self._committed_hits = hits

    def forget(self) -> None:
        """Write no record: it was no request to the application."""
        self._recorded = False

    def begin_stream(self) -> None:
        """The first chunk is about to leave, and more may come: for long, or for ever."""
        if self._recorded:
            self._session.streaming[self] = None

    def tell_under_way(self) -> None:
        """Write that the response goes on, if it does: the record has been written for its first chunk."""
        with self._lock:
            if self._recorded and not self._ended and self._committed_hits is not None:
                trace = self._session.trace_id(self._committed_hits)
                self._told_under_way = self._session.journal.append(under_way_line(self.id, trace))

    def end_response(self) -> bool:
        """The response has ended, and nobody writes any more that it goes on; whether somebody has."""
        self._session.streaming.pop(self, None)
        with self._lock:
            self._ended = True
            return self._told_under_way

    @property
    def recorded(self) -> bool:
        """Whether its record is written at all."""
        return self._recorded

    def outside(self) -> AbstractContextManager[None]:
        """A block whose work is not this request's, nor what is started in it."""
        return self._session.engine.detached()

    def go_on_in_fork(self, recorded: bool | None = None) -> None:
        """In a forked child: the parent writes the record, and the child what it adds to it.

        ``recorded`` is whether the parent writes it, where this object was made by the child.
        """
        if recorded is not None:
            self._recorded = recorded
        self._lock = threading.Lock()
        self._in_fork = True
        self._committed_hits = NO_HITS
        self._committed_status = self.status

    def _record(self, trace: str) -> str:
        began = self._began
        return request_line(
            self.id, trace, self.method, self.route, self.endpoint, self.path, self.test, self.status,
            self._session.clock.origin + began, (ticks() - began) // 1000,
        )  # fmt: skip

    def _amend(self, trace: str) -> str:
        if self._in_fork:
            return late_line(self.id, trace)
        ended = self._ended and self._told_under_way
        return amended_line(self.id, trace, self.status, (ticks() - self._began) // 1000, ended=ended)
