"""The engine for Python 3.11, and for branches everywhere: coverage.py's C tracer with one data dict per capture.

Each traced thread, and in it each greenlet, has a C tracer of its own, which writes to its attribute ``data``. A
capture sets that to a new dict and restores the old one at its end. The tracer reads ``data`` whenever a frame is
entered, so frames that were entered before still write to the old dict.

Where another ``Coverage`` is already tracing this thread (``coverage run``, pytest-cov), its tracer is borrowed,
because only one trace function can be active in a thread. The lines of a capture are merged into the lender's data at
its end, so the lender's totals do not change.

A tracer that misses events of its frames assigns lines to wrong files from then on (see :mod:`~.traced_stacks`). So a
capture in which another trace function was set, or greenlets shared a borrowed tracer, ends with an error.

The tracer belongs to a thread or a greenlet, not to a context: work that a copied context runs in a thread which the
application started itself before the request does not belong to the capture.
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
from .greenlet_switches import is_in_greenlet, loaded_greenlet
from .greenlets import GreenletRegistry, ThreadGreenlets, native_thread_id
from .running_frames import suspended_greenlets, trigger_call_event, with_callers
from .trace_data import TraceDataConverter, drain
from .traced_stacks import CHANGED, SHARED, UNSEEN, BorrowedStack, CaptureState, Lender, OwnStack, TracedStack, merge
from .weak_key_map import WeakKeyMap

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
        # By thread. Python reuses the ids of threads that have ended, so these dicts do not grow without end.
        self._stacks: dict[int, OwnStack] = {}
        self._stacks_before: dict[int, OwnStack] = {}
        self._greenlet_registry = GreenletRegistry()
        self._suspended: WeakKeyMap[FrameType] = WeakKeyMap()
        self._lender: Lender | None = None
        self._has_greenlets = loaded_greenlet() is not None
        self._late: list[Capture] = []
        self._missed_events = False
        self._converter = TraceDataConverter(self._sources, self.branch)
        self._dispositions = self._converter.dispositions

    # Start and stop

    def start(self) -> None:
        """Trace this thread, including its running frames, and all threads that start from now on."""
        if self._started:
            return
        before, lender = self._stacks, self._lender
        self._reset()
        self._stacks_before = before
        tracer = sys.gettrace()
        if tracer is None:
            self._started = True
            self._suspended.update(suspended_greenlets())
            self._trace_other_threads()
            self._trace_this_thread()
        elif lender is not None and lender.is_in_capture(tracer):
            # The tracer's data belongs to the capture, so a new lender could not be made from it.
            self._lender = lender
        else:
            self._borrow(tracer)
        self._started = True
        after_import("greenlet", self._on_greenlet_import)

    def stop(self) -> None:
        """Stop tracing. Other threads remove their tracers at their next event."""
        if not self._started:
            return
        self._started = False
        cancel("greenlet", self._on_greenlet_import)
        if threading.gettrace() == self._thread_trace:
            threading.settrace(None)
        for stack in list(self._stacks.values()):
            stack.stop()
        for greenlets in self._greenlet_registry.values():
            greenlets.end()
        if isinstance(sys.gettrace(), Tracer):
            sys.settrace(None)

    def abandon(self) -> None:
        """Stop."""
        self.stop()

    def after_fork(self) -> Capture | None:
        """Return the capture that the child is in. Its only thread keeps its tracer, to which the capture is bound."""
        stack = self._stack()
        return None if stack is None else stack.capture

    # Tracers

    def _stack(self) -> TracedStack | None:
        """Return the stack of the current frame, if it is traced."""
        tracer = sys.gettrace()
        if isinstance(tracer, Tracer):
            stack: TracedStack = tracer.stack
            return stack
        if self._lender is not None and coveragepy.is_ctracer(tracer):
            return self._lender.stacks.get(tracer)
        return None

    def _make_stack(self) -> OwnStack:
        tracer = coveragepy.make_tracer(
            self._ambient, self._should_trace, self._dispositions, branch=self.branch, when_called=self._when_called
        )
        stack = tracer.stack = OwnStack(tracer, self._ambient, self._thread())
        return stack

    def _trace_other_threads(self) -> None:
        """Trace the threads that start from now on and, from Python 3.12 on, those that are running."""
        threading.settrace(self._thread_trace)
        if sys.version_info >= (3, 12):
            threading.settrace_all_threads(self._thread_trace)
            # Not yet in the current thread, which must run the following code untraced.
            sys.settrace(None)
            this = self._thread()
            for thread, frame in sys._current_frames().items():
                for caller in with_callers(frame if thread != this else None):
                    if self._is_measured(caller):
                        # The frame has begun, so it gets no call event. The next line triggers the trace function.
                        caller.f_trace = partial(self._first_trace, previous_line=caller.f_lineno)

    def _trace_this_thread(self) -> TracedStack:
        """Give this thread, or greenlet, a tracer that follows its running frames, too."""
        sys.settrace(self._first_trace)
        trigger_call_event()
        stack = self._stack()
        assert stack is not None
        return stack

    def _thread_trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        """The trace function of a thread that starts. With gevent and eventlet, it may be a greenlet with a tracer."""
        greenlets = self._greenlet_registry.get() if self._started and loaded_greenlet() is not None else None
        stack = None if greenlets is None else greenlets.current()
        if isinstance(stack, OwnStack) and not stack.is_stopped:
            return self._restore_tracer(stack.tracer, frame, event, argument)
        return self._first_trace(frame, event, argument)

    def _restore_tracer(self, tracer: Tracer, frame: FrameType, event: str, argument: Any) -> Any:
        tracer.stop()
        tracer.start()
        return coveragepy.report_event(tracer, frame, event, argument)

    def _first_trace(self, frame: FrameType, event: str, argument: Any, *, previous_line: int | None = None) -> Any:
        """The trace function of a thread that has no tracer: replaces itself by one, as coverage.py does."""
        sys.settrace(None)
        if not self._started:
            return None
        stack = self._make_stack()
        stack.tracer.start()
        if loaded_greenlet() is not None:
            self._follow_greenlets(stack)
        if not is_in_greenlet():
            self._register_stack(stack)
        before = self._stacks_before.pop(stack.thread, None)
        if before is not None and before.capture is not None:
            # The engine was stopped and started again in the capture. Which frames belong to it is unknown.
            stack.take_over(before)
        else:
            self._enter_frames(stack, frame.f_back if event == "call" else frame)
        if event == "line":
            return coveragepy.report_line(stack.tracer, frame, previous_line or frame.f_lineno)
        return coveragepy.report_event(stack.tracer, frame, event, argument)

    def _register_stack(self, stack: OwnStack) -> None:
        before = self._stacks.get(stack.thread)
        if before is not None:
            # Mostly, that thread has ended. A tracer that is freed without having been stopped would end the tracing
            # of the thread in which it is freed.
            before.tracer.stop()
            self._missed_events |= threading.current_thread() is threading.main_thread()
        self._stacks[stack.thread] = stack

    def _enter_frames(self, stack: OwnStack, frame: FrameType | None) -> None:
        """Let the tracer follow the running frames to their end."""
        if any(self._is_measured(caller) for caller in with_callers(frame)):
            coveragepy.enter_frames(stack.tracer, frame)

    def _is_measured(self, frame: FrameType) -> bool:
        filename = frame.f_code.co_filename
        disposition = self._dispositions.get(filename)
        if disposition is None:
            disposition = self._dispositions[filename] = self._should_trace(filename, frame)
        return bool(disposition.trace)

    def _should_trace(self, filename: str, frame: FrameType) -> Disposition:
        stack = self._stack()
        if stack is not None and not stack.follows_greenlets and loaded_greenlet() is not None:
            if is_in_greenlet():
                stack.mark_unreliable(UNSEEN)
            self._follow_greenlets(stack)
            if isinstance(stack, OwnStack):
                stack.tracer.should_trace_cache = self._dispositions
        return self._converter.disposition(filename, frame)

    def _when_called(self, tracer: Tracer, frame: FrameType, event: str, argument: Any) -> Any:
        """Handle an event that the interpreter did not send to the C function: the trace function was changed."""
        stack: OwnStack = tracer.stack
        current = sys.gettrace()
        if current == self._thread_trace:
            # The engine itself has changed it, and this is the first event since.
            resume = self._first_trace if stack.is_stopped else partial(self._restore_tracer, tracer)
            return resume(frame, event, argument)
        is_set = current is tracer
        if stack.thread != self._thread():
            # The application has set one thread's trace function in another thread.
            return self._first_trace(frame, event, argument) if is_set else None
        stack.stop()
        stack.mark_unreliable(CHANGED)
        if stack.capture is None:
            self._missed_events = True
            return self._first_trace(frame, event, argument) if is_set else None
        if is_set:
            sys.settrace(None)
        return None

    def _borrow(self, tracer: Any) -> BorrowedStack:
        """Return the stack of a tracer that is not ours. Raises EngineError if the tracer cannot be borrowed."""
        if not coveragepy.is_ctracer(tracer):
            raise EngineError(
                f"the ctrace engine cannot share Python's trace function with {tracer!r}: end that debugger or tracer, "
                "or use Python 3.12 or newer without branch coverage"
            )
        if self._lender is None or self._lender.data is not tracer.data:
            if self.branch and not tracer.trace_arcs:
                raise EngineError(
                    "branch coverage is configured, but the coverage.py that already traces this process measures "
                    "lines: run that one with --branch too"
                )
            self._lender = Lender(tracer, self._should_trace)
        return self._lender.borrow(tracer)

    # Greenlets

    def _on_greenlet_import(self, name: str, module: object) -> None:
        self._has_greenlets = True
        stack = self._stack()
        if stack is not None:
            self._follow_greenlets(stack)
        # Other threads follow their greenlets as soon as a function begins in them: an empty cache triggers the check.
        for other in list(self._stacks.values()):
            if other is not stack:
                other.tracer.should_trace_cache = {}

    def _follow_greenlets(self, stack: TracedStack) -> None:
        """Follow the switches of this thread from now on; it has had none, or ``stack`` is new."""
        stack.follows_greenlets = True
        greenlets = self._greenlet_registry.get()
        if greenlets is None:
            greenlets = ThreadGreenlets(self._stack, self._make_stack, self._enter_frames, self._suspended)
            self._greenlet_registry.set(greenlets)
        greenlets.add(stack)

    # Captures

    # Each call in `begin` and `end` is traced, at the cost of each request. So they inline methods of the stack.

    def begin(self, owner: Any = None) -> Capture:
        """Let the tracer of this thread or greenlet write to a new dict."""
        tracer: Any = sys.gettrace()
        stack: TracedStack = tracer.stack if type(tracer) is Tracer else self._new_stack(tracer)
        if self._has_greenlets and not stack.follows_greenlets:
            self._follow_greenlets(stack)
        is_own = type(stack) is OwnStack
        handle: Handle = ({}, owner)
        sink = stack.tracer.data if is_own else stack.sink()
        capture = Capture(handle, CaptureState(stack, sink, current_handle.set(handle)))
        if is_own:
            stack.tracer.data = handle[0]
            stack.capture = capture
        else:
            stack.begin(capture)
        return capture

    def _new_stack(self, tracer: Any) -> TracedStack:
        """Return a stack where no tracer of ours is set. Raises EngineError if lines could not be separated."""
        if tracer is None:
            return self._trace_this_thread()
        stack = self._stack()
        if stack is None or stack.capture is None:
            stack = self._borrow(tracer)
        if isinstance(stack, BorrowedStack) and not stack.separates_greenlets and is_in_greenlet():
            raise EngineError(SHARED)
        return stack

    def end(self, capture: Capture) -> Hits:
        """Restore what :meth:`begin` replaced. Raises EngineError if the lines are unreliable.

        The lines are also the enclosing capture's if :func:`shares_lines` is true, or else the lender's.
        """
        state: CaptureState = capture.state
        current_handle.reset(state.token)
        stack, outer = state.stack, state.outer
        if sys.gettrace() is not stack.tracer and not stack.is_stopped:
            stack.mark_unreliable(CHANGED)
        is_own = type(stack) is OwnStack
        if is_own:
            stack.tracer.data = state.sink
        else:
            stack.write_to(state.sink)
        stack.capture = outer
        if state.fault is not None:
            self._fail(stack, state.fault)
        lines = capture.lines
        if state.followers and state.is_followed():
            self._late.append(capture)
            lines = coveragepy.executed_only(lines)
        if outer is not None and shares_lines(capture.owner, outer.owner):
            merge(outer.lines, lines)
        elif isinstance(stack, BorrowedStack):
            stack.lender.take(lines)
        return self._converter.make(lines, stack.arcs)

    def _fail(self, stack: TracedStack, fault: str) -> NoReturn:
        """Raise EngineError, because the lines are unreliable. After the outermost capture, start with a new tracer."""
        if stack.capture is None:
            stack.fault = None
            if isinstance(stack, OwnStack):
                is_ours = sys.gettrace() in (None, stack.tracer)
                stack.stop()
                if self._stacks.get(stack.thread) is stack:
                    del self._stacks[stack.thread]
                if is_ours:
                    self._trace_this_thread()
        else:
            stack.mark_unreliable(fault)
        raise EngineError(fault)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """A block in which the thread's tracer writes to the sink that is used outside of captures."""
        token = current_handle.set(None)
        stack = self._stack()
        try:
            if stack is None or stack.capture is None:
                yield
            else:
                with stack.detached():
                    yield
        finally:
            current_handle.reset(token)

    def peek(self, capture: Capture) -> Hits:
        """Return the lines so far."""
        stack = capture.state.stack
        if capture.state.fault is not None:
            return Hits()
        return self._converter.make(coveragepy.executed_only(capture.lines), stack.arcs)

    def late(self) -> list[tuple[Capture, Hits]]:
        """Return the captures that ended before the greenlets that they began. A copied context carries no tracer."""
        found = []
        for capture in list(self._late):
            # Checked before the lines are read, so that lines that a living greenlet adds meanwhile are not missed.
            followed = capture.state.is_followed()
            found.append((capture, self.peek(capture)))
            if not followed:
                self._late.remove(capture)
            stack = capture.state.stack
            if isinstance(stack, BorrowedStack):
                stack.lender.take(coveragepy.executed_only(capture.lines))
        return found

    def ambient(self) -> Hits:
        """Return the lines outside captures since the last call."""
        if self._missed_events:
            self._missed_events = False
            logger.warning("lines outside of requests may be missing: %s", CHANGED)
        hits = self._converter.make(drain(self._ambient), self.branch)
        if self._lender is not None:
            hits = hits.union(self._converter.make(self._lender.ambient(), self._lender.arcs))
        return hits
