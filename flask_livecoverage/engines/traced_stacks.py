"""The stacks of frames that coverage.py's C tracers follow, one for each thread and greenlet, and where they write.

A tracer is ours or another ``Coverage``'s. It keeps a stack of the frames that it follows, and for each frame the set
that its lines are added to. So it must see each of these frames end, and no frame of another stack: no frames of
another greenlet, and none that began or ended while another trace function was set. Otherwise lines are added to other
files' sets, and nothing indicates the error.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Token
from types import FrameType
from typing import Any

from ..model.bounded import make_room
from ..sources import coveragepy
from ..sources.coveragepy import Disposition, TraceData, Tracer
from .base import Capture, Handle, RawLines
from .weak_key_map import WeakKeyMap

# The attributes of a tracer that define where it writes; for one of ours, its dict.
Sink = Any

CHANGED = (
    "something in the application has set or cleared Python's trace function (sys.settrace), with which the ctrace "
    "engine measures: a debugger, or another tracer. Leave it out, or use Python 3.12 or newer without branch coverage"
)
SHARED = (
    "coverage.py already traces this process, and its tracer cannot tell greenlets (gevent, eventlet, asynchronous "
    "SQLAlchemy) apart: set concurrency = greenlet under [run] in its configuration"
)
UNSEEN = (
    "greenlets began in the moment in which another thread imported greenlet: import it when the application starts"
)


class TracedStack:
    """The frames of one thread or greenlet, and the C tracer that follows them.

    ``capture`` is the innermost open one, ``fault`` the reason why the tracer's data is unreliable.
    """

    def __init__(self, tracer: Any, arcs: bool) -> None:
        self.tracer = tracer
        self.arcs = arcs
        self.capture: Capture | None = None
        self.fault: str | None = None
        self.follows_greenlets = False
        self.is_stopped = False

    def mark_unreliable(self, fault: str) -> None:
        """Record that the tracer has missed events, or got those of other stacks. The capture's lines are lost."""
        self.fault = fault
        if self.capture is not None:
            self.capture.state.fault = fault

    def base(self) -> Sink:
        """Return the sink that is used outside of captures."""
        raise NotImplementedError

    def sink(self) -> Sink:
        """Return the sink that the tracer currently writes to."""
        return self.tracer.data

    def write_to(self, sink: Sink) -> None:
        """Let the tracer write to ``sink``, starting with the next function that begins."""
        self.tracer.data = sink

    def begin(self, capture: Capture) -> None:
        """Let the tracer write into the lines of ``capture``."""
        self.tracer.data = capture.lines
        self.capture = capture

    @contextmanager
    def detached(self) -> Iterator[None]:
        """A block in which the tracer writes to the sink that is used outside of captures."""
        capture, sink = self.capture, self.sink()
        self.capture = None
        self.write_to(self.base())
        try:
            yield
        finally:
            self.write_to(sink)
            self.capture = capture


class CaptureState:
    """The values that a capture replaced in its stack, and the greenlets that also write into it."""

    fault: str | None = None

    def __init__(self, stack: TracedStack, sink: Sink, token: Token[Handle | None]) -> None:
        self.stack = stack
        self.sink = sink
        self.token = token
        self.outer = stack.capture
        self.followers: list[weakref.ref[Any]] = []

    def is_followed(self) -> bool:
        """True if a greenlet that began in the capture is alive."""
        greenlets = [reference() for reference in self.followers]
        return any(greenlet is not None and not greenlet.dead for greenlet in greenlets)


class OwnStack(TracedStack):
    """A stack with a tracer of ours, which serves no other stack."""

    def __init__(self, tracer: Tracer, ambient: RawLines, thread: int) -> None:
        super().__init__(tracer, bool(tracer.trace_arcs))
        self.thread = thread
        self._ambient = ambient

    def base(self) -> Sink:
        """Return the dict of the ambient lines."""
        return self._ambient

    def stop(self) -> None:
        """Stop tracing."""
        self.is_stopped = True
        self.tracer.stop()

    def take_over(self, before: TracedStack) -> None:
        """Continue the captures of ``before``, during which the engine was stopped and started again."""
        self.capture = capture = before.capture
        if capture is not None:
            self.write_to(capture.lines)
        while capture is not None:
            outer = capture.state.outer
            capture.state.stack = self
            capture.state.sink = self._ambient if outer is None else outer.lines
            capture = outer


class BorrowedStack(TracedStack):
    """A stack with a tracer of another ``Coverage``, borrowed for captures. The greenlets of its thread share it."""

    def __init__(self, tracer: Any, lender: Lender) -> None:
        super().__init__(tracer, lender.arcs)
        self.lender = lender
        self._base = self.sink()
        self._left: WeakKeyMap[tuple[Sink, Capture | None, str | None]] = WeakKeyMap()

    def base(self) -> Sink:
        """Return the lender's own sink."""
        return self._base

    def sink(self) -> Sink:
        """Return the dict, and what decides which files are traced, because the lender's choice differs from ours."""
        return self.tracer.data, self.tracer.should_trace, self.tracer.should_trace_cache

    def write_to(self, sink: Sink) -> None:
        """Let the tracer write to ``sink``, starting with the next function that begins."""
        self.tracer.data, self.tracer.should_trace, self.tracer.should_trace_cache = sink

    def begin(self, capture: Capture) -> None:
        """Let the tracer write into the lines of ``capture``, including files that the lender does not measure."""
        lender = self.lender
        self.write_to((capture.lines, lender.should_trace_for_both, lender.dispositions))
        self.capture = capture

    @property
    def separates_greenlets(self) -> bool:
        """True if the lender is configured for greenlets, so that its tracer has a stack for each of them."""
        return self.tracer.concur_id_func is not None

    def switch(self, origin: Any, target: Any, *, inherits: bool) -> None:
        """Let the tracer write for ``target``, which continues.

        A new greenlet that ``inherits`` writes to the sink of ``origin``, another new one to the lender's own.
        """
        self._left[origin] = (self.sink(), self.capture, self.fault)
        left = self._left.pop(target)
        if left is not None:
            sink, self.capture, self.fault = left
            self.write_to(sink)
        elif not inherits:
            self.write_to(self._base)
            self.capture = self.fault = None
        # The tracer selects the greenlet's stack when a function begins or ends, not at the next line.
        for event in ("call", "return"):
            coveragepy.report_event(self.tracer, _FRAME_OF_NO_FILE, event)


def _frame_of_no_file() -> FrameType:
    namespace: dict[str, Any] = {}
    exec(compile("import sys\nframe = sys._getframe()", "<flask-livecoverage>", "exec"), namespace)
    frame: FrameType = namespace["frame"]
    return frame


_FRAME_OF_NO_FILE = _frame_of_no_file()


class Lender:
    """Another ``Coverage`` that already traces this process and whose tracers are borrowed for captures."""

    def __init__(self, tracer: Any, should_trace: coveragepy.ShouldTrace) -> None:
        self.data: TraceData = tracer.data
        self.arcs = bool(tracer.trace_arcs)
        self.dispositions: dict[str, Disposition] = {}
        self.stacks: dict[Any, BorrowedStack] = {}
        self._own_should_trace = should_trace
        self._should_trace: coveragepy.ShouldTrace = tracer.should_trace
        self._wanted: set[str] = set()
        # Lines that are not ambient any more: reported before, collected before the engine started, or from captures.
        self._known = coveragepy.executed_only(self.data)

    def borrow(self, tracer: Any) -> BorrowedStack:
        """Return the stack of one of the lender's tracers."""
        stack = self.stacks.get(tracer)
        if stack is None:
            stack = self.stacks[tracer] = BorrowedStack(tracer, self)
        return stack

    def is_in_capture(self, tracer: Any) -> bool:
        """True if ``tracer`` belongs to the lender and writes into a capture."""
        stack = self.stacks.get(tracer) if coveragepy.is_ctracer(tracer) else None
        return stack is not None and stack.capture is not None

    def should_trace_for_both(self, filename: str, frame: FrameType) -> Disposition:
        """Decide to trace a file if we or the lender measure it, because the configurations may differ."""
        make_room(self.dispositions)
        own = self._own_should_trace(filename, frame)
        lenders = self._should_trace(filename, frame)
        if lenders.trace:
            self._wanted.add(lenders.source_filename)
            return lenders
        return own

    def take(self, lines: RawLines) -> None:
        """Merge a capture's lines into the lender's data, as far as the lender measures their files."""
        wanted = {path: numbers for path, numbers in lines.items() if path in self._wanted}
        merge(self.data, wanted)
        merge(self._known, wanted)

    def ambient(self) -> RawLines:
        """Return the lines that the lender collected outside captures since the last call."""
        collected = coveragepy.executed_only(self.data)
        fresh = {path: numbers - self._known.get(path, set()) for path, numbers in collected.items()}
        merge(self._known, fresh)
        return {path: numbers for path, numbers in fresh.items() if numbers}


def merge(into: TraceData, lines: TraceData) -> None:
    """Add ``lines`` to ``into``."""
    for path, numbers in lines.items():
        into.setdefault(path, set()).update(numbers)
