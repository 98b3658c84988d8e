"""The engine for Python 3.11, and for branches everywhere: coverage.py's C tracer with one data dict per capture.

Each traced thread has a C tracer of its own, whose ``data`` attribute says where it writes. A capture points it at a
fresh dict and puts the old one back at its end. The tracer looks ``data`` up whenever a frame is entered, so frames
that were entered before go on writing where they did.

Where another ``Coverage`` is already tracing this thread (``coverage run``, pytest-cov), its tracer is borrowed: only
one trace function can be active in a thread. What a capture collected is merged into the lender's data at its end, so
the lender's totals stay what they would have been.

The tracer belongs to a thread, not to a context: greenlets that share a thread cannot be told apart, and
:meth:`CTraceEngine.begin` refuses to mix them. For the same reason, work that a copied context runs in a thread which
the application started itself before the request is not the capture's.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token
from types import FrameType
from typing import Any

from .. import coveragepy
from ..coveragepy import Disposition, TraceData, Tracer
from ..errors import EngineError
from ..modules import imported
from ..sources import Sources
from .base import Capture, Handle, Hits, HitsCache, RawLines, current_handle, shares_lines


class CTraceEngine:
    """Exact lines, or branches, under threads, through coverage.py's C tracer."""

    name = "ctrace"

    def __init__(self, sources: Sources, *, branch: bool) -> None:
        self.branch = branch
        self._sources = sources
        self._started = False
        self._innermost = threading.local()
        self._reset()

    def _reset(self) -> None:
        self._ambient: RawLines = {}
        self._dispositions: dict[str, Disposition] = {}
        self._own_files: dict[str, bool] = {}
        # By thread: the ids of threads that have ended are given out again, so these do not become ever more.
        self._tracers: dict[int, Tracer] = {}
        self._lender: _Lender | None = None
        self._line_cache = HitsCache(self._hits_of_lines)
        self._arc_cache = HitsCache(self._hits_of_arcs)

    # Life

    def start(self) -> None:
        """Trace this thread and all that start from now on; a second call only refuses what has come since: gevent."""
        _refuse_gevent()
        if self._started:
            return
        self._reset()
        tracer = sys.gettrace()
        if tracer is None:
            self._go_on_with(self._install())
            threading.settrace(self._first_trace)
        elif (capture := self._current_capture()) is not None and capture.restore.tracer is tracer:
            # What it writes to is the capture's, not the lender's own.
            self._lender = _outermost(capture).restore.lender
        else:
            self._borrow(tracer)
        self._started = True

    def _current_capture(self) -> Capture | None:
        capture: Capture | None = getattr(self._innermost, "capture", None)
        return capture

    def _go_on_with(self, tracer: Tracer) -> None:
        """Let ``tracer`` write where this thread is: in a capture, if the engine was stopped in one."""
        capture = self._current_capture()
        if capture is not None:
            tracer.data = capture.lines
        while capture is not None:
            outer = capture.restore.outer
            capture.restore.tracer = tracer
            capture.restore.data = self._ambient if outer is None else outer.lines
            capture = outer

    def stop(self) -> None:
        """Stop tracing. A thread that is not this one drops its tracer at its next event."""
        if not self._started:
            return
        self._started = False
        if threading.gettrace() == self._first_trace:
            threading.settrace(None)
        for tracer in list(self._tracers.values()):
            tracer.stop()
        if isinstance(sys.gettrace(), Tracer):
            sys.settrace(None)

    def after_fork(self) -> Capture | None:
        """The capture that the child is in: its one thread keeps its tracer, and captures are bound to threads."""
        return self._current_capture()

    def _install(self) -> Tracer:
        tracer = coveragepy.make_tracer(self._ambient, self._should_trace, self._dispositions, branch=self.branch)
        tracer.start()
        thread = threading.get_ident()
        if thread in self._tracers:
            # That thread has ended. A tracer that is not stopped ends, when it is freed, the tracing of the thread in
            # which that happens.
            self._tracers[thread].stop()
        self._tracers[thread] = tracer
        return tracer

    def _first_trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """The trace function of a new thread: puts a C tracer in its own place, as coverage.py does."""
        sys.settrace(None)
        if not self._started:
            return None
        return self._install()(frame, event, argument)

    def _should_trace(self, filename: str, frame: FrameType) -> Disposition:
        disposition = self._sources.disposition(filename, frame)
        if disposition.trace:
            self._own_files[disposition.source_filename] = True
        return disposition

    def _borrow(self, tracer: Any) -> _Lender:
        """The lender of a tracer that is not ours. Raises EngineError if it will not do."""
        if not coveragepy.is_ctracer(tracer):
            raise EngineError(
                f"the ctrace engine cannot share Python's trace function with {tracer!r}: end that debugger or tracer, "
                "or use Python 3.12 or newer without branch coverage"
            )
        if self._lender is None or self._lender.data is not tracer.data:
            if self.branch and not tracer.trace_arcs:
                raise EngineError(
                    "branch coverage is asked for, but the coverage.py that already traces this process measures "
                    "lines: run that one with --branch too"
                )
            self._lender = _Lender(tracer, self._should_trace)
        return self._lender

    # Captures

    def begin(self, owner: Any = None) -> Capture:
        """Point this thread's tracer at a fresh dict."""
        _refuse_greenlets()
        tracer: Any = sys.gettrace() or self._install()
        outer = self._current_capture()
        if outer is not None and outer.restore.tracer is tracer:
            restore = _Restore(tracer, outer.restore.arcs, outer, None)
        elif isinstance(tracer, Tracer):
            restore = _Restore(tracer, self.branch, None, None)
        else:
            lender = self._borrow(tracer)
            restore = _Restore(tracer, lender.arcs, None, lender)
            tracer.should_trace = lender.should_trace_for_both
            tracer.should_trace_cache = lender.dispositions
        handle: Handle = ({}, owner)
        restore.token = current_handle.set(handle)
        capture = Capture(handle, restore)
        tracer.data = capture.lines
        self._innermost.capture = capture
        return capture

    def end(self, capture: Capture) -> Hits:
        """Put back what :meth:`begin` replaced; the lines are the lender's too, and the enclosing capture's where
        :func:`shares_lines` agrees.
        """
        restore: _Restore = capture.restore
        current_handle.reset(restore.token)
        restore.undo()
        self._innermost.capture = restore.outer
        if restore.outer is not None and shares_lines(capture.owner, restore.outer.owner):
            _merge(restore.outer.lines, capture.lines)
        else:
            lender = _outermost(capture).restore.lender
            if lender is not None:
                lender.take(capture.lines)
        return self._cached_hits(capture.lines, restore.arcs)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """The thread's tracer writes meanwhile where it did before its captures."""
        token = current_handle.set(None)
        try:
            with self._outside_thread():
                yield
        finally:
            current_handle.reset(token)

    @contextmanager
    def _outside_thread(self) -> Iterator[None]:
        capture = self._current_capture()
        if capture is None:
            yield
            return
        outermost = _outermost(capture)
        inside = _Restore(capture.restore.tracer, False, None, outermost.restore.lender)
        outermost.restore.undo()
        self._innermost.capture = None
        try:
            yield
        finally:
            inside.undo()
            self._innermost.capture = capture

    def peek(self, capture: Capture) -> Hits:
        """The lines so far."""
        return self._cached_hits(coveragepy.executed_only(capture.lines), capture.restore.arcs)

    def late(self) -> list[tuple[Capture, Hits]]:
        """Nothing: a copied context carries no tracer."""
        return []

    def ambient(self) -> Hits:
        """Lines outside captures since the last call."""
        hits = self._cached_hits(_take_all(self._ambient), self.branch)
        if self._lender is not None:
            hits = hits.union(self._cached_hits(self._lender.ambient(), self._lender.arcs))
        return hits

    def _cached_hits(self, raw: RawLines, arcs: bool) -> Hits:
        return (self._arc_cache if arcs else self._line_cache).hits(raw)

    def _is_own(self, path: str) -> bool:
        # A lender traces files that we do not measure, and files that we measure outside any capture.
        own = self._own_files.get(path)
        if own is None:
            own = self._own_files[path] = self._sources.measures(path)
        return own

    def _hits_of_lines(self, raw: RawLines) -> Hits:
        return Hits({path: frozenset(lines) for path, lines in raw.items() if lines and self._is_own(path)})

    def _hits_of_arcs(self, raw: RawLines) -> Hits:
        arcs = {
            path: frozenset(map(coveragepy.unpack_arc, packed))
            for path, packed in raw.items()
            if packed and self._is_own(path)
        }
        lines = {path: frozenset(line for arc in pairs for line in arc if line > 0) for path, pairs in arcs.items()}
        return Hits(lines, arcs if self.branch else None)


def _outermost(capture: Capture) -> Capture:
    """The capture that began first of those in which ``capture`` is, in its thread."""
    while capture.restore.outer is not None:
        capture = capture.restore.outer
    return capture


class _Restore:
    """What a capture replaced in its thread's tracer."""

    __slots__ = ("arcs", "cache", "data", "lender", "outer", "should_trace", "token", "tracer")

    token: Token[Handle | None]

    def __init__(self, tracer: Any, arcs: bool, outer: Capture | None, lender: _Lender | None) -> None:
        self.tracer = tracer
        self.arcs = arcs
        self.outer = outer
        self.lender = lender
        self.data = tracer.data
        if lender is not None:
            self.should_trace = tracer.should_trace
            self.cache = tracer.should_trace_cache

    def undo(self) -> None:
        self.tracer.data = self.data
        if self.lender is not None:
            self.tracer.should_trace = self.should_trace
            self.tracer.should_trace_cache = self.cache


class _Lender:
    """Another ``Coverage``, already tracing, whose tracers are borrowed for captures."""

    def __init__(self, tracer: Any, should_trace: coveragepy.ShouldTrace) -> None:
        self.data: TraceData = tracer.data
        self.arcs = bool(tracer.trace_arcs)
        self.dispositions: dict[str, Disposition] = {}
        self._own_should_trace = should_trace
        self._should_trace: coveragepy.ShouldTrace = tracer.should_trace
        self._wanted: set[str] = set()
        # What need not be reported as ambient: reported before, collected before we came, or taken from captures.
        self._known = coveragepy.executed_only(self.data)

    def should_trace_for_both(self, filename: str, frame: FrameType) -> Disposition:
        """A disposition to trace what we measure and what the lender measures: their configurations may differ."""
        own = self._own_should_trace(filename, frame)
        lenders = self._should_trace(filename, frame)
        if lenders.trace:
            self._wanted.add(lenders.source_filename)
            return lenders
        return own

    def take(self, lines: RawLines) -> None:
        """Merge a capture's lines into the lender's data, as far as the lender measures their files."""
        wanted = {path: numbers for path, numbers in lines.items() if path in self._wanted}
        _merge(self.data, wanted)
        _merge(self._known, wanted)

    def ambient(self) -> RawLines:
        """What the lender collected since the last call, outside captures."""
        collected = coveragepy.executed_only(self.data)
        fresh = {path: numbers - self._known.get(path, set()) for path, numbers in collected.items()}
        _merge(self._known, fresh)
        return {path: numbers for path, numbers in fresh.items() if numbers}


def _merge(into: TraceData, lines: TraceData) -> None:
    for path, numbers in lines.items():
        into.setdefault(path, set()).update(numbers)


def _take_all(data: RawLines) -> RawLines:
    """Take what was collected so far. The sets stay, because frames under way hold them and go on adding."""
    taken = coveragepy.executed_only(data)
    for path, numbers in taken.items():
        data[path].difference_update(numbers)
    return taken


def _refuse_gevent() -> None:
    monkey = imported("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise EngineError(_GREENLETS)


def _refuse_greenlets() -> None:
    # Asked by each request, so not by `imported`: what is begun without this function has no greenlets yet.
    getcurrent = getattr(sys.modules.get("greenlet"), "getcurrent", None)
    if getcurrent is not None and getcurrent().parent is not None:
        raise EngineError(_GREENLETS)


_GREENLETS = (
    "the ctrace engine cannot tell requests in greenlets (gevent, eventlet) apart: use Python 3.12 or newer without "
    "branch coverage, or a server with threads"
)
