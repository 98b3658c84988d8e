"""One request while it runs: the segments that it is executed in, and its record in the journal."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from ..engines import Capture, Hits, current_owner
from ..errors import EngineError
from ..journal.clock import ticks
from ..journal.format import late_line, late_update_line, request_line, under_way_line
from .greenlet_contexts import trace_current_thread
from .session import NO_HITS, RecordingSession

T = TypeVar("T")


def current_request() -> RunningRequest | None:
    """Return the request to which the current context belongs, if any."""
    request: RunningRequest | None = current_owner()
    return request


class RunningRequest:
    """One request while it runs.

    A request is executed in segments: the call of the application, each step of a streamed body, ``close()``, a thread
    that it started. Every :meth:`enter` is matched by a :meth:`leave` in the same context, and :meth:`commit` puts on
    disk what has run so far.

    A request that another one makes, through a test client for example, is a request of its own, and part of the other.
    """

    __slots__ = (
        "_began", "_committed_hits", "_committed_status", "_ended", "_hits", "_in_fork", "_is_recordable", "_lock",
        "_made_by", "_reported_under_way", "_session",
        "endpoint", "id", "method", "path", "route", "status", "test",
    )  # fmt: skip

    def __init__(self, session: RecordingSession, request_id: str, method: str, path: str, test: str | None) -> None:
        self.id = request_id
        self.method = method
        self.path = path
        self.test = test
        self.route: str | None = None
        self.endpoint: str | None = None
        self.status = 500  # until the response begins
        maker: RunningRequest | None = current_owner()
        # Only its id, because endless chains of requests that make requests must not keep each other alive.
        self._made_by = None if maker is None else maker.id
        self._began = ticks()
        self._session = session
        self._is_recordable = session.started and (session.autostart or session.recording)
        self._hits = NO_HITS
        # One for each request, because with a common lock, requests would queue up, with a thread switch for each of
        # them.
        self._lock = threading.Lock()
        self._in_fork = False
        self._committed_hits: Hits | None = None
        self._committed_status = 0
        # Of a stream: whether it has ended, and whether the journal holds that it has not.
        self._ended = self._reported_under_way = False

    def enter(self) -> Capture | None:
        """Begin a segment in the current context; None if nothing is measured, or its lines cannot be separated."""
        if not self._session.started:
            return None
        if "greenlet" in sys.modules:
            trace_current_thread()
        try:
            return self._session.engine.begin(self)
        except EngineError as error:
            self._abandon(error)
            return None

    def leave(self, segment: Capture | None) -> None:
        """End a segment."""
        if segment is not None:
            try:
                hits = self._session.engine.end(segment)
            except EngineError as error:
                self._abandon(error)
                return
            if hits:
                self.add(hits)

    def _abandon(self, error: EngineError) -> None:
        """Record no more of this request, because the application must not fail, and lines must not be mixed."""
        if self._is_recordable:
            self._is_recordable = False
            self._session.report_fault(error)
            self._session.journal.losses.add(1, "lines could not be separated")

    def is_part_of(self, other: RunningRequest) -> bool:
        """Return whether ``other`` made this request. Lines that this one runs within it belong to both."""
        return self._made_by == other.id

    def run(self, function: Callable[..., T], /, *args: Any, **kwargs: Any) -> T:
        """Call ``function`` as part of this request in another thread, even after the response."""
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
        """Add lines to the request."""
        with self._lock:
            self._hits = self._hits.union(hits) if self._hits else hits

    def commit(self, *, ended: bool = False) -> None:
        """Write the request's record, or the changes since: the duration too if its response has ``ended``."""
        journal = self._session.journal
        changed = ended or self._hits is not self._committed_hits or self.status != self._committed_status
        while changed and self._is_recordable:
            hits, status = self._hits, self.status
            trace = hits.trace if hits.written_to is journal.generation else self._session.trace_id(hits)
            line = self._record(trace) if self._committed_hits is None else self._late_update(trace)
            # Without the record, later lines would belong to no request, so the request is lost whole, and counted
            # once.
            self._is_recordable = journal.append(line)
            self._committed_hits, self._committed_status = hits, status
            # Another thread that added lines before it could see the record leaves them to this one.
            changed = self._hits is not hits

    def commit_late(self) -> None:
        """Write the lines that were added, if the record is written already; else the record will contain them.

        They change neither the status nor the duration, which belong to the response.
        """
        while self._is_recordable and self._committed_hits is not None:
            hits = self._hits
            if hits is self._committed_hits:
                return
            self._is_recordable = self._session.journal.append(late_line(self.id, self._session.trace_id(hits)))
            self._committed_hits = hits

    def discard(self) -> None:
        """Write no record, because this was no request to the application."""
        self._is_recordable = False

    def begin_stream(self) -> None:
        """Note that the first chunk is about to be sent and others may follow, for a long time or without end."""
        if self._is_recordable:
            self._session.streaming[self] = None

    def write_under_way(self) -> None:
        """Write that the response has not ended, if so: the record was written with its first chunk."""
        with self._lock:
            if self._is_recordable and not self._ended and self._committed_hits is not None:
                trace = self._session.trace_id(self._committed_hits)
                self._reported_under_way = self._session.journal.append(under_way_line(self.id, trace))

    def end_response(self) -> bool:
        """Note that the response has ended; return whether the journal holds that it had not."""
        self._session.streaming.pop(self, None)
        with self._lock:
            self._ended = True
            return self._reported_under_way

    @property
    def is_recordable(self) -> bool:
        """Whether its record is written at all."""
        return self._is_recordable

    def detached(self) -> AbstractContextManager[None]:
        """Return a block that is not part of this request, nor is anything that it starts."""
        return self._session.engine.detached()

    def continue_in_fork(self, is_recordable: bool | None = None) -> None:
        """Continue in a forked child: the parent writes the record, and the child the lines that it adds.

        ``recorded`` is whether the parent writes a record, if this object was created by the child.
        """
        if is_recordable is not None:
            self._is_recordable = is_recordable
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

    def _late_update(self, trace: str) -> str:
        if self._in_fork:
            return late_line(self.id, trace)
        ended = self._ended and self._reported_under_way
        return late_update_line(self.id, trace, self.status, (ticks() - self._began) // 1000, ended=ended)
