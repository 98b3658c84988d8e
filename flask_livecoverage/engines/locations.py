"""Arms and disables the locations of application code, and collects the lines of each capture.

``sys.monitoring`` (PEP 669) is cheap only while callbacks return ``DISABLE``, and ``DISABLE`` switches a location off
for all captures, and the next one would see nothing there. So a location is disabled only while no open capture could
still need it, and a code object's locations are armed again when a capture that may need them first enters it.

The state:

``codes``
    the code objects that are armed, with the paths of their files. They are kept alive until :meth:`forget`.
``extents``
    the ranges of their lines: see :func:`extent_of`.
``open``
    the lines collected by each open capture: ``id(code)`` → a byte for each line of that code, 1 if it ran. A code
    object's id in it means that the capture *has visited* that code. The ambient capture, for lines outside all others,
    is one of them. (Sets of line numbers would take ten times the memory, and that memory is new for each request and
    so not in the processor's caches.)
``dirty``
    code objects in which a line may be disabled.
``off``
    code objects whose ``PY_START`` was disabled, because all captures had visited them.
``heat``
    how many events of each code object brought nothing new since a capture last visited it. A few such events cost less
    than to disable and rearm a location for the next capture, so only locations of hot code (many such) are disabled.
``epoch``
    a new object each time a capture may have begun to need a location.

CPython releases the GIL, runs the collector and signal handlers, and raises asynchronous exceptions, only at function
entry, at backward jumps and after calls. Two steps rely on this:

* "mark the code dirty, compare the epoch, return ``DISABLE``" holds no call and no jump, so it is atomic;
* arming again, removing the mark and recording the visit is a loop in C over callables in C, so it is atomic too. As
  calls in Python it would not be: a location disabled between them would lose its mark, and an exception between them
  would leave code that counts as visited and is not armed.

A thread about to disable a location therefore either sees the new epoch of a newcomer and leaves the location armed, or
has left the mark that the newcomer's check finds. On a free-threaded build none of this holds, and nothing is disabled.

CPython suppresses a thread's events while one of its callbacks runs. So the lines of code that the application runs
meanwhile (finalizers, callbacks of weak references, signal handlers) would be lost. The decision about a file, which
takes long, is made inside ``sys.call_tracing``, where events are delivered; so callbacks can be entered again from
there. For collections during the callbacks themselves there is :mod:`~.gc_watch`. The lines of a signal handler that
runs during a callback of this class are lost.

Code that the application creates for each request would be kept forever. So code that nothing else refers to is
forgotten, but not while a capture has visited it, because lines are collected by the code object's id, which is reused.
The absence of other references need not be certain (a weak reference brings code back), because forgotten code is fully
armed, so its next event is delivered, and arms it like new code. In :meth:`forget`, "has any capture visited it, is a
location disabled, compare the epoch, forget" is one step, after a look at all open captures; in :meth:`visit`, "set a
new epoch, is it known, record the visit" is one.

No lock is held anywhere, because a thread that is switched out while it holds one makes all others wait for it, and
from then on each request costs a switch of threads.

Code objects are keyed by ``id``, because they compare and hash by value, slowly; the engine keeps them alive.

``_locations.c`` does the same as this class, several times as fast. This class is the reference implementation, and is
used where the other could not be compiled.
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

# Of a code object: its first line, the number of lines from there to its last one, and if Python's line numbers are
# unreliable for it, the line of each offset in the bytecode.
Extent = tuple[int, int, dict[int, int] | None]

Step = Callable[[], object]

# Python 3.11 has none; this module is not imported there.
_monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

_UNDECIDED = object()

_RESUMABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR

# A value between those from which on disabling pays with this class and with the C extension.
_HOT = 16


class Locations:
    """The locations of code objects that a monitoring tool has armed.

    :param tool: the tool's id.
    :param handle: holds the current context's reference to its capture.
    :param decisions: decide which code to arm.
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

    # Captures

    def enter(self, lines: RawLines) -> None:
        """Open a capture that collects into ``lines``."""
        self.open[id(lines)] = lines
        self.epoch = object()
        if self.off:
            self.rearm_off()

    def leave(self, lines: RawLines) -> None:
        """Close a capture, which has ended or will never continue."""
        self.open.pop(id(lines), None)

    def renew_ambient(self) -> RawLines:
        """Begin a new ambient capture; return the lines of the last one."""
        ended = self.ambient
        fresh: RawLines = {}
        self.open[id(fresh)] = fresh
        self.ambient = fresh
        self.leave(ended)
        self.epoch = object()
        return ended

    def visit(self, lines: RawLines, code: CodeType) -> bytearray | None:
        """Record that the capture enters ``code``, and arm again the locations that it may need; return its marks.

        None if ``code`` was forgotten, and whether it is the application's cannot be decided now.
        """
        key = id(code)
        if key not in self.codes and not self._arm_again(code):
            return None
        blank = bytearray(self.extents[key][1])
        epoch = object()
        rearming = self._rearming(code, partial(lines.setdefault, key, blank)) if key in self.dirty else None
        # Atomic from here on: there is no call but the last, and that one is in C.
        self.heat[key] = 0
        self.epoch = epoch
        if key in self.codes:
            if key not in self.dirty or self.released:
                return lines.setdefault(key, blank)  # type: ignore[no-any-return]
            if rearming is not None:
                self._run_steps(rearming)
                if key in self.codes:
                    return lines.setdefault(key, blank)  # type: ignore[no-any-return]
        # Another thread has just disabled a location, or forgotten the code.
        return self.visit(lines, code)

    # Arming

    def discover(self, code: CodeType) -> bool | None:
        """Arm ``code`` if it is application code, and return whether it is; None if that cannot be decided now."""
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
        """Arm ``code``, which was forgotten but can still run. Return whether it is application code."""
        self._armed.discard(id(code))
        return bool(self.discover(code))

    def _arm(self, code: CodeType, path: str, line_limit: int) -> None:
        """Enable the locations of ``code`` for the first time.

        Other threads may run it at once, so the data that they need is set first; it counts as armed only when it is.
        """
        key = id(code)
        self.extents[key] = extent_of(code, line_limit)
        self.codes[key] = (code, path)
        try:
            _monitoring.set_local_events(self._tool, code, events_of(code))
        except ValueError:
            # Another tool has freed our tool id: see _run_steps.
            self.released = True
            return
        self._armed.add(key)
        if self.released:
            _monitoring.set_local_events(self._tool, code, 0)

    def release(self, codes: Iterable[CodeType]) -> None:
        """Disable the locations of ``codes``, and arm no more code, because the tool id is not ours from now on."""
        self.released = True
        for code in codes:
            _monitoring.set_local_events(self._tool, code, 0)

    def rearm(self, code: CodeType) -> None:
        """Enable all locations of ``code`` and remove its marks, in one atomic step."""
        if not self.released:
            self._run_steps(self._rearming(code))

    def _run_steps(self, steps: Iterator[object]) -> None:
        try:
            deque(steps, 0)
        except ValueError:
            # Another tool has freed our tool id. The application's thread, which runs this, must not get the error.
            self.released = True

    def _rearming(self, code: CodeType, *more: Step) -> Iterator[object]:
        """Return an iterator that enables all locations of ``code``, removes its marks and does ``more``."""
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
        """Return the number of references to the code with this id that are held here, beside the one in ``codes``."""
        return (key in self.dirty) + (key in self.off) + 2 * (key in self._rearm_steps)

    def forget(self, code: CodeType) -> bool:
        """Remove all data about ``code``, unless an open capture has visited it. Return whether that was done.

        The caller keeps ``code`` alive until all lines collected from it are removed, since its id may be reused then.
        """
        key = id(code)
        if key in self.dirty or key in self.off:
            self.rearm(code)
        epoch = self.epoch
        visited = any(key in lines for lines in tuple(self.open.values()))
        # Atomic from here on: there is no call.
        if visited or key in self.dirty or key in self.off or self.epoch is not epoch or self.released:
            return False
        del self.codes[key]
        del self.extents[key]
        # Not atomic: a thread that brings the code back keeps it alive, and what is missing here is created again.
        for kept in (self._rearm_steps, self.heat):
            kept.pop(key, None)
        if key not in self.codes:
            self._armed.discard(key)
        return True

    def rearm_off(self) -> None:
        """Enable ``PY_START`` again where it was disabled."""
        for code in list(self.off.values()):
            self.rearm(code)

    # Callbacks. Their work is part of the cost of every request.

    def on_discovery(self, code: CodeType, offset: int) -> Any:
        """Handle the first ``PY_START`` or ``PY_RESUME`` of a code object anywhere in the process."""
        found = self.discover(code)
        if found:
            # The events that were just set do not fire for the current start.
            self.on_start(code, offset)
        return None if found is None else self._disable

    def on_throw(self, code: CodeType, offset: int, exception: BaseException) -> None:
        """Handle ``PY_THROW``: a generator or coroutine, perhaps older than the engine, is entered by an exception."""
        if self.discover(code):
            handle = self._current()
            lines = self.ambient if handle is None else handle[0]
            if id(code) not in lines:
                self.visit(lines, code)

    def on_start(self, code: CodeType, offset: int) -> Any:
        """Handle ``PY_START`` and ``PY_RESUME`` of application code."""
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
        """Handle ``LINE`` of application code."""
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
    """For threads that run in parallel, without the GIL: every location stays armed, so a visit changes nothing.

    Nor is code forgotten, because no step is atomic, and the references to a code object cannot be counted.
    """

    def forget(self, code: CodeType) -> bool:
        """Forget nothing."""
        return False

    def on_line(self, code: CodeType, line: int) -> None:
        """Handle ``LINE`` of application code."""
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
        """Handle ``PY_START`` and ``PY_RESUME`` of application code: nothing to do."""


def events_of(code: CodeType) -> int:
    """Return the events that are watched in ``code``."""
    events = _monitoring.events
    watched: int = events.LINE | events.PY_START
    return watched | events.PY_RESUME if code.co_flags & _RESUMABLE else watched


def extent_of(code: CodeType, line_limit: int) -> Extent:
    """Return the range of the lines of ``code``. It need not begin at ``co_firstlineno`` in code built from a tree.

    Lines after ``line_limit`` are left out: see :meth:`~..sources.selection.Sources.line_limit` for the reason.
    """
    lines = [line for _, _, line in code.co_lines() if line is not None] or [code.co_firstlineno]
    first = min(lines)
    count = max(0, min(max(lines), line_limit) - first + 1)
    return first, count, offsets_of(code) if first < code.co_firstlineno - 1 else None


def offsets_of(code: CodeType) -> dict[int, int]:
    """Return the line of each offset in the bytecode.

    From CPython 3.14 on, events (and a frame's ``f_lineno``) give wrong numbers for lines two and more before
    ``co_firstlineno``: the distance is stored without its sign, in the one to four bytes that the largest one needs.
    Offsets are correct. (A module's code begins at line 1, and has an instruction of line 0.)
    """
    return {offset: line for start, end, line in code.co_lines() if line is not None for offset in range(start, end, 2)}


def line_by_offset(code: CodeType, line: int, offsets: dict[int, int], frame: FrameType) -> int:
    """Return the line of the current offset of ``frame`` if that runs ``code``, else ``line``."""
    return offsets.get(frame.f_lasti, 0) if frame.f_code is code else line
