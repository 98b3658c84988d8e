"""Where the C tracers of coverage.py write: one for each thread and greenlet, ours or another ``Coverage``'s.

A tracer keeps a stack of the frames that it follows, and for each the set that its lines go to. So it must see each of
these frames end, and no frame of another stack: not those of another greenlet, nor any while another trace function
was set. Otherwise lines go to other files' sets, and nothing shows that.
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

# All that says where a tracer writes; of ours, the dict.
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
    """The frames of one thread or greenlet, and the tracer that follows them.

    ``capture`` is the innermost one that is open there, ``fault`` the reason why the tracer cannot be trusted.
    """

    def __init__(self, tracer: Any, arcs: bool) -> None:
        self.tracer = tracer
        self.arcs = arcs
        self.capture: Capture | None = None
        self.fault: str | None = None
        self.follows_greenlets = False
        self.is_stopped = False

    def mark_unreliable(self, fault: str) -> None:
        """Note that the tracer has missed events, or had those of others. The lines of the capture are lost."""
        self.fault = fault
        if self.capture is not None:
            self.capture.state.fault = fault

    def base(self) -> Sink:
        """What :meth:`sink` is outside of captures."""
        raise NotImplementedError

    def sink(self) -> Sink:
        """Where the tracer writes."""
        return self.tracer.data

    def write_to(self, sink: Sink) -> None:
        """Have the tracer write there from the next function on that begins."""
        self.tracer.data = sink

    def begin(self, capture: Capture) -> None:
        """Have the tracer write into the lines of ``capture``."""
        self.tracer.data = capture.lines
        self.capture = capture

    @contextmanager
    def detached(self) -> Iterator[None]:
        """Have the tracer write, in the block, where it does outside of captures."""
        capture, sink = self.capture, self.sink()
        self.capture = None
        self.write_to(self.base())
        try:
            yield
        finally:
            self.write_to(sink)
            self.capture = capture


class CaptureState:
    """What a capture replaced in its stack, and who else writes into it."""

    fault: str | None = None

    def __init__(self, stack: TracedStack, sink: Sink, token: Token[Handle | None]) -> None:
        self.stack = stack
        self.sink = sink
        self.token = token
        self.outer = stack.capture
        self.followers: list[weakref.ref[Any]] = []

    def is_followed(self) -> bool:
        """Whether a greenlet that the capture began goes on."""
        greenlets = [reference() for reference in self.followers]
        return any(greenlet is not None and not greenlet.dead for greenlet in greenlets)


class OwnStack(TracedStack):
    """A tracer of ours, which belongs to one greenlet alone."""

    def __init__(self, tracer: Tracer, ambient: RawLines, thread: int) -> None:
        super().__init__(tracer, bool(tracer.trace_arcs))
        self.thread = thread
        self._ambient = ambient

    def base(self) -> Sink:
        """The dict of what no capture has."""
        return self._ambient

    def stop(self) -> None:
        """Trace no longer: the engine was stopped."""
        self.is_stopped = True
        self.tracer.stop()

    def take_over(self, before: TracedStack) -> None:
        """Have the captures of ``before``, whose engine was stopped in them, go on here."""
        self.capture = capture = before.capture
        if capture is not None:
            self.write_to(capture.lines)
        while capture is not None:
            outer = capture.state.outer
            capture.state.stack = self
            capture.state.sink = self._ambient if outer is None else outer.lines
            capture = outer


class BorrowedStack(TracedStack):
    """A tracer of another ``Coverage``, borrowed for captures. The greenlets of its thread share it."""

    def __init__(self, tracer: Any, lender: Lender) -> None:
        super().__init__(tracer, lender.arcs)
        self.lender = lender
        self._base = self.sink()
        self._left: WeakKeyMap[tuple[Sink, Capture | None, str | None]] = WeakKeyMap()

    def base(self) -> Sink:
        """The lender's."""
        return self._base

    def sink(self) -> Sink:
        """The dict, and which files are traced: the lender wants others than we."""
        return self.tracer.data, self.tracer.should_trace, self.tracer.should_trace_cache

    def write_to(self, sink: Sink) -> None:
        """Have the tracer write there from the next function on that begins."""
        self.tracer.data, self.tracer.should_trace, self.tracer.should_trace_cache = sink

    def begin(self, capture: Capture) -> None:
        """Have the tracer write into the lines of ``capture``, also those of files that the lender does not want."""
        lender = self.lender
        self.write_to((capture.lines, lender.should_trace_for_both, lender.dispositions))
        self.capture = capture

    @property
    def separates_greenlets(self) -> bool:
        """Whether the lender's configuration says that there are greenlets: then its tracer has a stack for each."""
        return self.tracer.concur_id_func is not None

    def switch(self, origin: Any, target: Any, *, inherits: bool) -> None:
        """Have the tracer write for ``target``, which goes on: where ``origin`` does if it is new and ``inherits``."""
        self._left[origin] = (self.sink(), self.capture, self.fault)
        left = self._left.pop(target)
        if left is not None:
            sink, self.capture, self.fault = left
            self.write_to(sink)
        elif not inherits:
            self.write_to(self._base)
            self.capture = self.fault = None
        # It looks for the stack of the greenlet when a function begins or ends, and not before the next line.
        for event in ("call", "return"):
            coveragepy.report_event(self.tracer, _FRAME_OF_NO_FILE, event)


def _frame_of_no_file() -> FrameType:
    namespace: dict[str, Any] = {}
    exec(compile("import sys\nframe = sys._getframe()", "<flask-livecoverage>", "exec"), namespace)
    frame: FrameType = namespace["frame"]
    return frame


_FRAME_OF_NO_FILE = _frame_of_no_file()


class Lender:
    """Another ``Coverage``, already tracing, whose tracers are borrowed for captures."""

    def __init__(self, tracer: Any, should_trace: coveragepy.ShouldTrace) -> None:
        self.data: TraceData = tracer.data
        self.arcs = bool(tracer.trace_arcs)
        self.dispositions: dict[str, Disposition] = {}
        self.stacks: dict[Any, BorrowedStack] = {}
        self._own_should_trace = should_trace
        self._should_trace: coveragepy.ShouldTrace = tracer.should_trace
        self._wanted: set[str] = set()
        # What need not be reported as ambient: reported before, collected before we came, or taken from captures.
        self._known = coveragepy.executed_only(self.data)

    def borrow(self, tracer: Any) -> BorrowedStack:
        """The stack of one of its tracers."""
        stack = self.stacks.get(tracer)
        if stack is None:
            stack = self.stacks[tracer] = BorrowedStack(tracer, self)
        return stack

    def is_in_capture(self, tracer: Any) -> bool:
        """Whether a tracer of its writes into a capture of ours."""
        stack = self.stacks.get(tracer) if coveragepy.is_ctracer(tracer) else None
        return stack is not None and stack.capture is not None

    def should_trace_for_both(self, filename: str, frame: FrameType) -> Disposition:
        """A disposition to trace what we measure and what the lender measures: their configurations may differ."""
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
        """What the lender collected since the last call, outside captures."""
        collected = coveragepy.executed_only(self.data)
        fresh = {path: numbers - self._known.get(path, set()) for path, numbers in collected.items()}
        merge(self._known, fresh)
        return {path: numbers for path, numbers in fresh.items() if numbers}


def merge(into: TraceData, lines: TraceData) -> None:
    """Add ``lines`` to what is in ``into``."""
    for path, numbers in lines.items():
        into.setdefault(path, set()).update(numbers)
