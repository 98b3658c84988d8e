"""The engine for Python 3.11, and for branches everywhere: coverage.py's C tracer with one data dict per capture.

Each traced thread, and in it each greenlet, has a C tracer of its own, whose ``data`` attribute says where it writes. A
capture points it at a fresh dict and puts the old one back at its end. The tracer looks ``data`` up whenever a frame is
entered, so frames that were entered before go on writing where they did.

Where another ``Coverage`` is already tracing this thread (``coverage run``, pytest-cov), its tracer is borrowed: only
one trace function can be active in a thread. What a capture collected is merged into the lender's data at its end, so
the lender's totals stay what they would have been.

A tracer that misses events of its frames writes to wrong places from then on (see :mod:`~.tracers`). So a capture in
which another trace function was set, or greenlets shared a borrowed tracer, ends with an error in place of lines.

The tracer belongs to a thread or a greenlet, not to a context: work that a copied context runs in a thread which the
application started itself before the request is not the capture's.
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, NoReturn

from ..errors import EngineError
from ..model.imports import after_import, cancel
from ..sources import coveragepy
from ..sources.coveragepy import Disposition, Tracer
from ..sources.selection import Sources
from .base import Capture, Handle, Hits, RawLines, current_handle, shares_lines
from .frames import begin_a_function, waiting_greenlets, with_callers
from .greenlets import GreenThread, GreenThreads, native_thread_id
from .switches import is_in_greenlet, loaded_greenlet
from .trace_hits import TraceHits, take_all
from .tracers import CHANGED, SHARED, UNSEEN, Lender, Loan, OwnPlace, Place, Restore, merge
from .weak_keys import WeakKeys

logger = logging.getLogger("flask_livecoverage")


class CTraceEngine:
    """Exact lines, or branches, under threads and greenlets, through coverage.py's C tracer."""

    name = "ctrace"

    def __init__(self, sources: Sources, *, branch: bool) -> None:
        self.branch = branch
        self._sources = sources
        self._started = False
        self._thread = native_thread_id()
        self._reset()

    def _reset(self) -> None:
        self._ambient: RawLines = {}
        # By thread: the ids of threads that have ended are given out again, so these do not become ever more.
        self._places: dict[int, OwnPlace] = {}
        self._places_before: dict[int, OwnPlace] = {}
        self._green_threads = GreenThreads()
        self._waiting: WeakKeys[FrameType] = WeakKeys()
        self._lender: Lender | None = None
        self._has_greenlets = loaded_greenlet() is not None
        self._late: list[Capture] = []
        self._disturbed = False
        self._hits = TraceHits(self._sources, self.branch)
        self._dispositions = self._hits.dispositions

    # Life

    def start(self) -> None:
        """Trace this thread, the frames that are under way included, and all threads that start from now on."""
        if self._started:
            return
        before, lender = self._places, self._lender
        self._reset()
        self._places_before = before
        tracer = sys.gettrace()
        if tracer is None:
            self._started = True
            self._waiting.update(waiting_greenlets())
            self._trace_other_threads()
            self._trace_this_thread()
        elif lender is not None and lender.is_in_capture(tracer):
            # What it writes to is the capture's, not the lender's own.
            self._lender = lender
        else:
            self._borrow(tracer)
        self._started = True
        after_import("greenlet", self._greenlet_imported)

    def stop(self) -> None:
        """Stop tracing. A thread that is not this one drops its tracer at its next event."""
        if not self._started:
            return
        self._started = False
        cancel("greenlet", self._greenlet_imported)
        if threading.gettrace() == self._thread_trace:
            threading.settrace(None)
        for place in list(self._places.values()):
            place.stop()
        for green in self._green_threads.values():
            green.end()
        if isinstance(sys.gettrace(), Tracer):
            sys.settrace(None)

    def abandon(self) -> None:
        """Stop."""
        self.stop()

    def after_fork(self) -> Capture | None:
        """The capture that the child is in: its one thread keeps its tracer, and captures are bound to threads."""
        place = self._place()
        return None if place is None else place.capture

    # Tracers

    def _place(self) -> Place | None:
        """The place in which the current frame is traced, if it is."""
        tracer = sys.gettrace()
        if isinstance(tracer, Tracer):
            place: Place = tracer.place
            return place
        if self._lender is not None and coveragepy.is_ctracer(tracer):
            return self._lender.loans.get(tracer)
        return None

    def _make_place(self) -> OwnPlace:
        tracer = coveragepy.make_tracer(
            self._ambient, self._should_trace, self._dispositions, branch=self.branch, when_called=self._when_called
        )
        place = tracer.place = OwnPlace(tracer, self._ambient, self._thread())
        return place

    def _trace_other_threads(self) -> None:
        """Trace the threads that start from now on and, from Python 3.12 on, those that are there."""
        threading.settrace(self._thread_trace)
        if sys.version_info >= (3, 12):
            threading.settrace_all_threads(self._thread_trace)
            # Not yet in this one, which goes on here.
            sys.settrace(None)
            this = self._thread()
            for thread, frame in sys._current_frames().items():
                for caller in with_callers(frame if thread != this else None):
                    if self._is_measured(caller):
                        # It has begun already: its next line, too, is an event.
                        caller.f_trace = partial(self._first_trace, last_line=caller.f_lineno)

    def _trace_this_thread(self) -> Place:
        """Give this thread, or greenlet, a tracer that sees its frames under way, too."""
        sys.settrace(self._first_trace)
        begin_a_function()
        place = self._place()
        assert place is not None
        return place

    def _thread_trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """The trace function of a thread that starts. With gevent and eventlet, it is a greenlet that has a tracer."""
        green = self._green_threads.get() if self._started and loaded_greenlet() is not None else None
        place = None if green is None else green.current()
        if isinstance(place, OwnPlace) and not place.is_stopped:
            return self._put_back(place.tracer, frame, event, argument)
        return self._first_trace(frame, event, argument)

    def _put_back(self, tracer: Tracer, frame: FrameType, event: str, argument: Any) -> Any:
        tracer.stop()
        tracer.start()
        return coveragepy.report_event(tracer, frame, event, argument)

    def _first_trace(self, frame: FrameType, event: str, argument: Any, *, last_line: int | None = None) -> Any:
        """The trace function of a thread that has no tracer: puts one in its own place, as coverage.py does."""
        sys.settrace(None)
        if not self._started:
            return None
        place = self._make_place()
        place.tracer.start()
        if loaded_greenlet() is not None:
            self._follow_greenlets(place)
        if not is_in_greenlet():
            self._keep(place)
        before = self._places_before.pop(place.thread, None)
        if before is not None and before.capture is not None:
            # The engine was stopped in it, and started again. Which of the frames are the capture's is not known.
            place.take_over(before)
        else:
            self._enter_frames(place, frame.f_back if event == "call" else frame)
        if event == "line":
            return coveragepy.report_line(place.tracer, frame, last_line or frame.f_lineno)
        return coveragepy.report_event(place.tracer, frame, event, argument)

    def _keep(self, place: OwnPlace) -> None:
        before = self._places.get(place.thread)
        if before is not None:
            # Mostly, that thread has ended. A tracer that is not stopped ends, when it is freed, the tracing of the
            # thread in which that happens.
            before.tracer.stop()
            self._disturbed |= threading.current_thread() is threading.main_thread()
        self._places[place.thread] = place

    def _enter_frames(self, place: OwnPlace, frame: FrameType | None) -> None:
        """Have the tracer see the rest of the frames that are under way."""
        if any(self._is_measured(caller) for caller in with_callers(frame)):
            coveragepy.enter_frames(place.tracer, frame)

    def _is_measured(self, frame: FrameType) -> bool:
        filename = frame.f_code.co_filename
        disposition = self._dispositions.get(filename)
        if disposition is None:
            disposition = self._dispositions[filename] = self._should_trace(filename, frame)
        return bool(disposition.trace)

    def _should_trace(self, filename: str, frame: FrameType) -> Disposition:
        place = self._place()
        if place is not None and not place.follows_greenlets and loaded_greenlet() is not None:
            if is_in_greenlet():
                place.disturb(UNSEEN)
            self._follow_greenlets(place)
            if isinstance(place, OwnPlace):
                place.tracer.should_trace_cache = self._dispositions
        return self._hits.disposition(filename, frame)

    def _when_called(self, tracer: Tracer, frame: FrameType, event: str, argument: Any) -> Any:
        """An event that did not come straight from the interpreter: the trace function was changed meanwhile."""
        place: OwnPlace = tracer.place
        current = sys.gettrace()
        if current == self._thread_trace:
            # It was ours, and this is the first event since.
            again = self._first_trace if place.is_stopped else partial(self._put_back, tracer)
            return again(frame, event, argument)
        is_set = current is tracer
        if place.thread != self._thread():
            # Somebody handed the main thread's trace function on to another thread.
            return self._first_trace(frame, event, argument) if is_set else None
        place.stop()
        place.disturb(CHANGED)
        if place.capture is None:
            self._disturbed = True
            return self._first_trace(frame, event, argument) if is_set else None
        if is_set:
            sys.settrace(None)
        return None

    def _borrow(self, tracer: Any) -> Loan:
        """The loan of a tracer that is not ours. Raises EngineError if it will not do."""
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
            self._lender = Lender(tracer, self._should_trace)
        return self._lender.loan(tracer)

    # Greenlets

    def _greenlet_imported(self, name: str, module: object) -> None:
        self._has_greenlets = True
        place = self._place()
        if place is not None:
            self._follow_greenlets(place)
        # The other threads follow when a function begins there.
        for other in list(self._places.values()):
            if other is not place:
                other.tracer.should_trace_cache = {}

    def _follow_greenlets(self, place: Place) -> None:
        """See the switches of this thread from now on; it has had none, or ``place`` is new."""
        place.follows_greenlets = True
        green = self._green_threads.get()
        if green is None:
            green = GreenThread(self._place, self._make_place, self._enter_frames, self._waiting)
            self._green_threads.set(green)
        green.add(place)

    # Captures

    # Each call in these two is traced, and each request pays for it: hence what could be methods of the place.

    def begin(self, owner: Any = None) -> Capture:
        """Point this thread's or greenlet's tracer at a fresh dict."""
        tracer: Any = sys.gettrace()
        place: Place = tracer.place if type(tracer) is Tracer else self._place_to_begin(tracer)
        if self._has_greenlets and not place.follows_greenlets:
            self._follow_greenlets(place)
        is_own = type(place) is OwnPlace
        handle: Handle = ({}, owner)
        sink = place.tracer.data if is_own else place.sink()
        capture = Capture(handle, Restore(place, sink, current_handle.set(handle)))
        if is_own:
            place.tracer.data = handle[0]
            place.capture = capture
        else:
            place.begin(capture)
        return capture

    def _place_to_begin(self, tracer: Any) -> Place:
        """A place where none of ours is. Raises EngineError where lines could not be told apart."""
        if tracer is None:
            return self._trace_this_thread()
        place = self._place()
        if place is None or place.capture is None:
            place = self._borrow(tracer)
        if isinstance(place, Loan) and not place.tells_greenlets_apart and is_in_greenlet():
            raise EngineError(SHARED)
        return place

    def end(self, capture: Capture) -> Hits:
        """Put back what :meth:`begin` replaced. Raises EngineError if the lines cannot be trusted.

        They are the lender's too, and the enclosing capture's where :func:`shares_lines` agrees.
        """
        restore: Restore = capture.restore
        current_handle.reset(restore.token)
        place, outer = restore.place, restore.outer
        if sys.gettrace() is not place.tracer and not place.is_stopped:
            place.disturb(CHANGED)
        is_own = type(place) is OwnPlace
        if is_own:
            place.tracer.data = restore.sink
        else:
            place.write_to(restore.sink)
        place.capture = outer
        if restore.fault is not None:
            self._give_up(place, restore.fault)
        lines = capture.lines
        if restore.followers and restore.is_followed():
            self._late.append(capture)
            lines = coveragepy.executed_only(lines)
        if outer is not None and shares_lines(capture.owner, outer.owner):
            merge(outer.lines, lines)
        elif isinstance(place, Loan):
            place.lender.take(lines)
        return self._hits.make(lines, place.arcs)

    def _give_up(self, place: Place, fault: str) -> NoReturn:
        """Raise EngineError, because the lines cannot be trusted. At the outermost capture's end, measure anew."""
        if place.capture is None:
            place.fault = None
            if isinstance(place, OwnPlace):
                is_ours = sys.gettrace() in (None, place.tracer)
                place.stop()
                if self._places.get(place.thread) is place:
                    del self._places[place.thread]
                if is_ours:
                    self._trace_this_thread()
        else:
            place.disturb(fault)
        raise EngineError(fault)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """The thread's tracer writes meanwhile where it did before its captures."""
        token = current_handle.set(None)
        place = self._place()
        try:
            if place is None or place.capture is None:
                yield
            else:
                with place.outside():
                    yield
        finally:
            current_handle.reset(token)

    def peek(self, capture: Capture) -> Hits:
        """The lines so far."""
        place = capture.restore.place
        if capture.restore.fault is not None:
            return Hits()
        return self._hits.make(coveragepy.executed_only(capture.lines), place.arcs)

    def late(self) -> list[tuple[Capture, Hits]]:
        """The captures that ended before the greenlets that they began. A copied context carries no tracer."""
        found = []
        for capture in list(self._late):
            # Asked before the lines are read: what a greenlet adds while it lives must not be missed.
            followed = capture.restore.is_followed()
            found.append((capture, self.peek(capture)))
            if not followed:
                self._late.remove(capture)
            place = capture.restore.place
            if isinstance(place, Loan):
                place.lender.take(coveragepy.executed_only(capture.lines))
        return found

    def ambient(self) -> Hits:
        """Lines outside captures since the last call."""
        if self._disturbed:
            self._disturbed = False
            logger.warning("lines outside of requests may be missing: %s", CHANGED)
        hits = self._hits.make(take_all(self._ambient), self.branch)
        if self._lender is not None:
            hits = hits.union(self._hits.make(self._lender.ambient(), self._lender.arcs))
        return hits
