"""Which locations of application code are armed, for whom, and what they have collected.

``sys.monitoring`` (PEP 669) is cheap only while callbacks return ``DISABLE``, and ``DISABLE`` switches a location off
for everybody: the next capture would see nothing there. So a location is disabled only while no open capture could
still want it, and a code object's locations are armed again when a capture that may want them first enters it.

The state:

``codes``
    the code objects that are armed, with the paths of their files. What they hold is kept alive, until :meth:`forget`.
``extents``
    where their lines are: see :func:`extent_of`.
``open``
    the lines collected by each open capture: ``id(code)`` → a byte for each line of that code, 1 if it ran. A code
    object's id in it means that the capture *has visited* that code. The ambient capture, which takes what runs outside
    all others, is one of them. (Sets of line numbers would take ten times the memory, and it is memory that is fresh
    for each request and cold.)
``dirty``
    code objects of which a line may be disabled.
``off``
    code objects whose ``PY_START`` was disabled, because all captures had visited them.
``heat``
    how many events of each code object told nothing new since somebody last visited it. Few of these take less time
    than to disable a location and to arm it again for the next capture, so a code object must be hot before.
``epoch``
    a fresh object each time somebody may have become interested in a location.

CPython gives up the GIL, runs the collector and signal handlers, and raises asynchronous exceptions, only at function
entry, at backward jumps and after calls. Two steps rely on it:

* "mark the code dirty, compare the epoch, return ``DISABLE``" holds no call and no jump, so it is atomic;
* arming again, forgetting the mark and noting the visit is a loop in C over callables in C, so it is atomic too. As
  calls in Python it would not be: a location disabled between them would lose its mark, and an exception between them
  would leave code that counts as visited and is not armed.

A thread about to disable a location therefore either sees the new epoch of a newcomer and leaves the location armed, or
has left the mark that the newcomer's check finds. On a free-threaded build none of this holds, and nothing is disabled.

CPython suppresses a thread's events while one of its callbacks runs. So what the application runs meanwhile
(finalizers, callbacks of weak references, signal handlers) would be seen by nobody. The decision about a file, which
takes long, is made inside ``sys.call_tracing``, where events are delivered; so callbacks can be entered again from
there. For the callbacks themselves there is :mod:`~.gc_watch`. What a signal handler runs during a callback of this
class is lost.

Code that the application makes anew for each request would be kept for ever. So what nobody else holds is forgotten,
but not while a capture has visited it: lines are collected by the code object's id, which is given out again. That
nobody else holds it need not be certain (a weak reference brings code back): what is forgotten is armed whole, so its
next event comes, and finds that it is to be armed as if it were new. In :meth:`forget`, "has anybody visited it, is a
location disabled, compare the epoch, forget" is one step, after a look at all open captures; in :meth:`visit`, "set a
new epoch, is it known, note the visit" is one.

No lock is held anywhere: a thread that is switched out while it holds one makes all others wait for it, and from then
on each request costs a switch of threads.

Code objects are keyed by ``id``, because they compare and hash by value, slowly; the engine keeps them alive.

``_locations.c`` does the same as this class, and several times as fast. This one says what is right, and serves where
that could not be compiled.
"""

from __future__ import annotations

import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType, FrameType
from typing import Any

from .base import Handle, RawLines
from .file_decisions import FileDecisions

# Of a code object: its first line, the number of lines from there to its last one, and where Python's line numbers
# cannot be relied on, the line of each offset in the bytecode.
Extent = tuple[int, int, dict[int, int] | None]

Step = Callable[[], object]

# Python 3.11 has none, and there nobody imports this module.
_monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

_UNDECIDED = object()

_RESUMABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR

# Some time between the heats at which disabling pays with this class and with its double in C.
_HOT = 16


class Locations:
    """The locations of code objects that a monitoring tool has armed.

    :param tool: the tool's id.
    :param handle: holds what the current context knows of its capture.
    :param decisions: which code to arm.
    """

    def __init__(self, tool: int, handle: ContextVar[Handle | None], decisions: FileDecisions) -> None:
        self.codes: dict[int, tuple[CodeType, str]] = {}
        self.ambient: RawLines = {}
        self.open: dict[int, RawLines] = {id(self.ambient): self.ambient}
        self.extents: dict[int, Extent] = {}
        self.dirty: dict[int, CodeType] = {}
        self.off: dict[int, CodeType] = {}
        self.epoch = object()
        self.released = False
        self._tool = tool
        self._current = handle.get
        self._files = decisions.files
        self._decide = decisions.decide
        self.heat: dict[int, int] = {}
        self._armed: set[int] = set()
        self._rearm_steps: dict[int, tuple[Step, ...]] = {}
        self._disable = _monitoring.DISABLE

    # Who is interested

    def enter(self, lines: RawLines) -> None:
        """A capture begins that collects into ``lines``."""
        self.open[id(lines)] = lines
        self.epoch = object()
        if self.off:
            self.rearm_off()

    def leave(self, lines: RawLines) -> None:
        """A capture has ended, or will never go on."""
        self.open.pop(id(lines), None)

    def renew_ambient(self) -> RawLines:
        """Begin a new ambient capture; what the last one has collected."""
        ended = self.ambient
        fresh: RawLines = {}
        self.open[id(fresh)] = fresh
        self.ambient = fresh
        self.leave(ended)
        self.epoch = object()
        return ended

    def visit(self, lines: RawLines, code: CodeType) -> bytearray | None:
        """Note that the capture enters ``code``, and arm again what it may want there; its marks there.

        None if ``code`` was forgotten, and that it is the application's cannot be decided now.
        """
        key = id(code)
        if key not in self.codes and not self._arm_again(code):
            return None
        blank = bytearray(self.extents[key][1])
        epoch = object()
        rearming = self._rearming(code, partial(lines.setdefault, key, blank)) if key in self.dirty else None
        # One step from here on: there is no call but the last, and that one is in C.
        self.heat[key] = 0
        self.epoch = epoch
        if key in self.codes:
            if key not in self.dirty or self.released:
                return lines.setdefault(key, blank)  # type: ignore[no-any-return]
            if rearming is not None:
                self._run_steps(rearming)
                if key in self.codes:
                    return lines.setdefault(key, blank)  # type: ignore[no-any-return]
        # Another thread has disabled a location just now, or forgotten the code.
        return self.visit(lines, code)

    # What is armed

    def discover(self, code: CodeType) -> bool | None:
        """Arm ``code`` if it is the application's, and return whether it is; None if that cannot be decided now."""
        key = id(code)
        if key in self._armed:
            return True
        file: Any = self._files.get(code.co_filename, _UNDECIDED)
        if file is _UNDECIDED:
            sys.call_tracing(self._decide, (code,))
            file = self._files.get(code.co_filename, _UNDECIDED)
        if file is None:
            return False
        if file is _UNDECIDED or self.released:
            return None
        self._arm(code, *file)
        return True if key in self._armed else None

    def _arm_again(self, code: CodeType) -> bool:
        """Arm ``code``, which was forgotten although somebody could still run it; whether it is the application's."""
        self._armed.discard(id(code))
        return bool(self.discover(code))

    def _arm(self, code: CodeType, path: str, line_limit: int) -> None:
        """Enable the locations of ``code`` for the first time.

        Others may run it at once, so all that they need comes before; and it counts as armed only when it is.
        """
        key = id(code)
        self.extents[key] = extent_of(code, line_limit)
        self.codes[key] = (code, path)
        try:
            _monitoring.set_local_events(self._tool, code, events_of(code))
        except ValueError:
            # Somebody has freed our tool id, as above.
            self.released = True
            return
        self._armed.add(key)
        if self.released:
            _monitoring.set_local_events(self._tool, code, 0)

    def release(self, codes: Iterable[CodeType]) -> None:
        """Disable the locations of ``codes``, and arm no code any more: the tool serves others from now on."""
        self.released = True
        for code in codes:
            _monitoring.set_local_events(self._tool, code, 0)

    def rearm(self, code: CodeType) -> None:
        """Enable all locations of ``code`` and forget its marks, in one step that no other thread can enter."""
        if not self.released:
            self._run_steps(self._rearming(code))

    def _run_steps(self, steps: Iterator[object]) -> None:
        try:
            deque(steps, 0)
        except ValueError:
            # Somebody has freed our tool id: the application, which comes here, must not suffer.
            self.released = True

    def _rearming(self, code: CodeType, *more: Step) -> Iterator[object]:
        """Enables all locations of ``code``, forgets its marks and does ``more``, when it is iterated over."""
        key = id(code)
        steps = self._rearm_steps.get(key)
        if steps is None:
            set_local_events = partial(_monitoring.set_local_events, self._tool, code)
            steps = self._rearm_steps[key] = (
                partial(set_local_events, 0),
                partial(set_local_events, events_of(code)),
                partial(self.dirty.pop, key, None),
                partial(self.off.pop, key, None),
            )
        return map(operator.call, (*steps, *more))

    def references(self, key: int) -> int:
        """How many references to the code with this id are held here, beside the one in ``codes``."""
        return (key in self.dirty) + (key in self.off) + 2 * (key in self._rearm_steps)

    def forget(self, code: CodeType) -> bool:
        """Forget all about ``code``, unless an open capture has visited it; whether that was done.

        The caller holds it until nothing is left that was collected of it: then, another may have its id.
        """
        key = id(code)
        if key in self.dirty or key in self.off:
            self.rearm(code)
        epoch = self.epoch
        visited = any(key in lines for lines in tuple(self.open.values()))
        # One step from here on: there is no call.
        if visited or key in self.dirty or key in self.off or self.epoch is not epoch or self.released:
            return False
        del self.codes[key]
        del self.extents[key]
        # Here, others may come between: whoever brings the code back holds it, and what is missing here is made again.
        for kept in (self._rearm_steps, self.heat):
            kept.pop(key, None)
        if key not in self.codes:
            self._armed.discard(key)
        return True

    def rearm_off(self) -> None:
        """Enable ``PY_START`` again where it was disabled."""
        for code in list(self.off.values()):
            self.rearm(code)

    # Callbacks: what they do here, every request pays.

    def on_discovery(self, code: CodeType, offset: int) -> Any:
        """The first ``PY_START`` or ``PY_RESUME`` of a code object anywhere in the process."""
        found = self.discover(code)
        if found:
            # The events just set do not fire for the start that is under way.
            self.on_start(code, offset)
        return None if found is None else self._disable

    def on_throw(self, code: CodeType, offset: int, exception: BaseException) -> None:
        """``PY_THROW``: a generator or coroutine, which may be older than the engine, is entered by an exception."""
        if self.discover(code):
            handle = self._current()
            lines = self.ambient if handle is None else handle[0]
            if id(code) not in lines:
                self.visit(lines, code)

    def on_start(self, code: CodeType, offset: int) -> Any:
        """``PY_START`` and ``PY_RESUME`` of application code."""
        epoch = self.epoch
        key = id(code)
        handle = self._current()
        lines = self.ambient if handle is None else handle[0]
        if key not in lines:
            self.visit(lines, code)
            return None
        heat = self.heat[key] = self.heat.get(key, 0) + 1
        if heat < _HOT:
            return None
        ambient = self.ambient
        for other in tuple(self.open.values()):
            if other is not ambient and key not in other:
                return None
        self.off[key] = code
        if self.epoch is epoch:
            return self._disable
        return None

    def on_line(self, code: CodeType, line: int) -> Any:
        """``LINE`` of application code."""
        key = id(code)
        handle = self._current()
        lines = self.ambient if handle is None else handle[0]
        marks = lines.get(key)
        if marks is None:
            marks = self.visit(lines, code)
            if marks is None:
                return None
        first, count, offsets = self.extents[key]
        if offsets is not None:
            line = line_by_offset(code, line, offsets, sys._getframe(1))
        index = line - first
        if not 0 <= index < count:
            return None
        if not marks[index]:
            marks[index] = 1
            return None
        epoch = self.epoch
        heat = self.heat[key] = self.heat.get(key, 0) + 1
        if heat < _HOT:
            return None
        for other in tuple(self.open.values()):
            marks = other.get(key)
            if marks is not None and not marks[index]:
                return None
        self.dirty[key] = code
        if self.epoch is epoch:
            return self._disable
        return None


class UnsharedLocations(Locations):
    """For threads that really run at once, without the GIL: every location stays armed, so a visit changes nothing.

    Nor is code forgotten: nothing is one step, and who holds a code object cannot be counted.
    """

    def forget(self, code: CodeType) -> bool:
        """Forget nothing."""
        return False

    def on_line(self, code: CodeType, line: int) -> None:
        """``LINE`` of application code."""
        handle = self._current()
        lines = self.ambient if handle is None else handle[0]
        first, count, offsets = self.extents[id(code)]
        if offsets is not None:
            line = line_by_offset(code, line, offsets, sys._getframe(1))
        marks = lines.get(id(code))
        if marks is None:
            marks = lines.setdefault(id(code), bytearray(count))
        index = line - first
        if 0 <= index < count:
            marks[index] = 1

    def on_start(self, code: CodeType, offset: int) -> None:
        """``PY_START`` and ``PY_RESUME`` of application code: nothing to do."""


def events_of(code: CodeType) -> int:
    """The events that are watched in ``code``."""
    events = _monitoring.events
    watched: int = events.LINE | events.PY_START
    return watched | events.PY_RESUME if code.co_flags & _RESUMABLE else watched


def extent_of(code: CodeType, line_limit: int) -> Extent:
    """Where the lines of ``code`` are. Its first line need not be ``co_firstlineno``: code may be made from a tree.

    Lines behind ``line_limit`` are left out: :meth:`~..sources.selection.Sources.line_limit` has the reason.
    """
    lines = [line for _, _, line in code.co_lines() if line is not None] or [code.co_firstlineno]
    first = min(lines)
    count = max(0, min(max(lines), line_limit) - first + 1)
    return first, count, offsets_of(code) if first < code.co_firstlineno - 1 else None


def offsets_of(code: CodeType) -> dict[int, int]:
    """The line of each offset in the bytecode.

    From CPython 3.14 on, events (and a frame's ``f_lineno``) give wrong numbers for lines two and more before
    ``co_firstlineno``: the distance is kept without its sign, in the one to four bytes that the largest one needs.
    Offsets are right. (A module's code begins at line 1, and has an instruction of line 0.)
    """
    return {offset: line for start, end, line in code.co_lines() if line is not None for offset in range(start, end, 2)}


def line_by_offset(code: CodeType, line: int, offsets: dict[int, int], frame: FrameType) -> int:
    """The line that ``frame`` is at."""
    return offsets.get(frame.f_lasti, 0) if frame.f_code is code else line
