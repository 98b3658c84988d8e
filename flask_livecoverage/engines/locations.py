"""Which locations of application code are armed, for whom, and what they have collected.

``sys.monitoring`` (PEP 669) is cheap only while callbacks return ``DISABLE``, and ``DISABLE`` switches a location off
for everybody: the next capture would see nothing there. So a location is disabled only while no open capture could
still want it, and a code object's locations are armed again when a capture that may want them first enters it.

The state:

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

CPython gives up the GIL only at function entry, at backward jumps and after calls. Two steps rely on it:

* "mark the code dirty, compare the epoch, return ``DISABLE``" holds no call and no jump, so it is atomic;
* arming again and forgetting the mark is a loop in C over callables in C, so it is atomic too. As two calls in Python
  it would not be: a location disabled between them would lose its mark.

A thread about to disable a location therefore either sees the new epoch of a newcomer and leaves the location armed, or
has left the mark that the newcomer's check finds. On a free-threaded build none of this holds, and nothing is disabled.

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
from collections.abc import Callable, Iterable
from contextvars import ContextVar
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType
from typing import Any

from .base import Handle, RawLines

# Of a code object: its first line, and the number of lines from there to its last one.
Extent = tuple[int, int]

# Python 3.11 has none, and there nobody imports this module.
_monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

_RESUMABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR

# Some time between the heats at which disabling pays with this class and with its double in C.
_HOT = 16


class Locations:
    """The locations of code objects that a monitoring tool has armed.

    :param tool: the tool's id.
    :param handle: holds what the current context knows of its capture.
    """

    def __init__(self, tool: int, handle: ContextVar[Handle | None]) -> None:
        self.ambient: RawLines = {}
        self.open: dict[int, RawLines] = {id(self.ambient): self.ambient}
        self.extents: dict[int, Extent] = {}
        self.dirty: dict[int, CodeType] = {}
        self.off: dict[int, CodeType] = {}
        self.epoch = object()
        self.released = False
        self._tool = tool
        self._current = handle.get
        self.heat: dict[int, int] = {}
        self._rearm_steps: dict[int, tuple[Callable[[], object], ...]] = {}
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

    def visit(self, lines: RawLines, code: CodeType) -> bytearray:
        """Note that the capture enters ``code``, and arm again what it may want there; its marks there."""
        key = id(code)
        marks: bytearray = lines.setdefault(key, bytearray(self.extents[key][1]))
        self.heat[key] = 0
        self.epoch = object()
        if key in self.dirty:
            self.rearm(code)
        return marks

    # What is armed

    def arm(self, code: CodeType, extent: Extent) -> None:
        """Enable the locations of ``code`` for the first time."""
        self.extents[id(code)] = extent
        _monitoring.set_local_events(self._tool, code, events_of(code))

    def release(self, codes: Iterable[CodeType]) -> None:
        """Disable the locations of ``codes``, all that were armed, for good: the tool serves others from now on."""
        self.released = True
        for code in codes:
            _monitoring.set_local_events(self._tool, code, 0)

    def rearm(self, code: CodeType) -> None:
        """Enable all locations of ``code`` and forget its marks, in one step that no other thread can enter."""
        if self.released:
            return
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
        try:
            deque(map(operator.call, steps), maxlen=0)
        except ValueError:
            # Somebody has freed our tool id: the application, which comes here, must not suffer.
            self.released = True

    def rearm_off(self) -> None:
        """Enable ``PY_START`` again where it was disabled."""
        for code in list(self.off.values()):
            self.rearm(code)

    # Callbacks: what they do here, every request pays.

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
        first, count = self.extents[key]
        place = line - first
        if not 0 <= place < count:
            # Of code whose lines go back, some versions of Python tell wrong ones.
            return None
        if not marks[place]:
            marks[place] = 1
            return None
        epoch = self.epoch
        heat = self.heat[key] = self.heat.get(key, 0) + 1
        if heat < _HOT:
            return None
        for other in tuple(self.open.values()):
            marks = other.get(key)
            if marks is not None and not marks[place]:
                return None
        self.dirty[key] = code
        if self.epoch is epoch:
            return self._disable
        return None


class UnsharedLocations(Locations):
    """For threads that really run at once, without the GIL: every location stays armed, so a visit changes nothing."""

    def on_line(self, code: CodeType, line: int) -> None:
        """``LINE`` of application code."""
        handle = self._current()
        lines = self.ambient if handle is None else handle[0]
        first, count = self.extents[id(code)]
        marks = lines.get(id(code))
        if marks is None:
            marks = lines.setdefault(id(code), bytearray(count))
        place = line - first
        if 0 <= place < count:
            marks[place] = 1

    def on_start(self, code: CodeType, offset: int) -> None:
        """``PY_START`` and ``PY_RESUME`` of application code: nothing to do."""


def events_of(code: CodeType) -> int:
    """The events that are watched in ``code``."""
    events = _monitoring.events
    watched: int = events.LINE | events.PY_START
    return watched | events.PY_RESUME if code.co_flags & _RESUMABLE else watched


def extent_of(code: CodeType) -> Extent:
    """Where the lines of ``code`` are. Its first line need not be ``co_firstlineno``: code may be made from a tree."""
    lines = [line for _, _, line in code.co_lines() if line is not None] or [code.co_firstlineno]
    return min(lines), max(lines) - min(lines) + 1
