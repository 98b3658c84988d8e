"""The engine for Python 3.12 and newer: exact lines of each capture at nearly the speed of the bare program.

``sys.monitoring`` (PEP 669) is cheap only while callbacks return ``DISABLE``, and ``DISABLE`` switches a location off
for everybody: the next capture would see nothing there. So a location is disabled only while no open capture could
still want it, and a code object's locations are armed again when a capture that may want them first enters it.

The state:

``_open``
    the lines collected by each open capture: ``id(code)`` → line numbers. A code object's id in it means that the
    capture *has visited* that code. The ambient capture, which takes what runs outside all others, is one of them.
``_pending``
    captures that have begun, and are opened when they first visit any code. Many never do: they cost next to nothing.
``_dirty``
    code objects of which a line may be disabled.
``_off``
    hot code objects whose ``PY_START`` was disabled, because all captures had visited them.
``_epoch``
    a fresh object each time somebody may have become interested in a location.

CPython gives up the GIL only at function entry, at backward jumps and after calls. Two steps rely on it:

* "mark the code dirty, compare the epoch, return ``DISABLE``" holds no call and no jump, so it is atomic;
* arming again and forgetting the mark is a loop in C over callables in C, so it is atomic too. As two calls in Python
  it would not be: a location disabled between them would lose its mark.

A thread about to disable a location therefore either sees the new epoch of a newcomer and leaves the location armed, or
has left the mark that the newcomer's check finds. On a free-threaded build none of this holds, and nothing is disabled.

Code objects are keyed by ``id``, with a strong reference kept, because they compare and hash by value, slowly.
"""

from __future__ import annotations

import operator
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from types import CodeType
from typing import Any

from ..sources import Sources
from .base import Capture, Hits, HitsCache, RawLines
from .tool_ids import take_tool_ids

# For type checkers on Python 3.11; there, nobody imports this module.
assert sys.version_info >= (3, 12)

_RESUMABLE = CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR

# How often a code object is started after a visit before its PY_START is worth disabling, and arming again later.
_HOT = 16


class _Current:
    """What a context knows of its capture: a handle, so that contexts that still hold it can be counted."""

    __slots__ = ("lines",)

    def __init__(self, lines: RawLines) -> None:
        self.lines = lines


_current: ContextVar[_Current | None] = ContextVar("flask_livecoverage.monitoring", default=None)


class MonitoringEngine:
    """Exact lines under threads, greenlets and coroutines, through ``sys.monitoring``."""

    name = "monitoring"
    branch = False

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._tools: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._reset()

    def _reset(self) -> None:
        self._codes: dict[int, tuple[CodeType, str]] = {}
        self._files: dict[str, str | None] = {}
        self._rearm_steps: dict[int, tuple[Callable[[], object], ...]] = {}
        self._calls: dict[int, int] = {}
        self._dirty: dict[int, CodeType] = {}
        self._off: dict[int, CodeType] = {}
        self._ambient: RawLines = {}
        self._retired: RawLines = {}
        self._reported: dict[int, set[int]] = {}
        self._ambient_codes: set[int] = set()
        self._open: tuple[RawLines, ...] = (self._ambient,)
        self._pending: dict[int, RawLines] = {}
        self._late: list[Capture] = []
        self._epoch = object()
        self._cache = HitsCache(self._make_hits)

    # Life

    def start(self) -> None:
        """Take two tool ids and watch; a second call does nothing. Raises EngineError if none are free."""
        if self._tools is not None:
            return
        self._reset()
        monitoring = sys.monitoring
        events = monitoring.events
        self._disable = monitoring.DISABLE
        # A local event cannot be armed again while the tool has it on globally too: hence a tool for each.
        discovery, capture = self._tools = take_tool_ids()
        self._events = events.LINE | events.PY_START
        self._resumable_events = self._events | events.PY_RESUME
        on_line = self._on_line if _has_gil() else self._on_line_without_gil
        on_start = self._on_start if _has_gil() else self._on_start_without_gil
        monitoring.register_callback(capture, events.LINE, on_line)
        monitoring.register_callback(capture, events.PY_START, on_start)
        monitoring.register_callback(capture, events.PY_RESUME, on_start)
        monitoring.register_callback(capture, events.PY_THROW, self._on_throw)
        monitoring.register_callback(discovery, events.PY_START, self._on_discovery)
        monitoring.register_callback(discovery, events.PY_RESUME, self._on_discovery)
        # A generator can be entered by throw() alone, and there is no local event for that.
        monitoring.set_events(capture, events.PY_THROW)
        monitoring.set_events(discovery, events.PY_START | events.PY_RESUME)
        # What an earlier user of these ids disabled would stay so.
        monitoring.restart_events()

    def stop(self) -> None:
        """Give the tool ids back. What was collected stays readable."""
        if self._tools is None:
            return
        monitoring = sys.monitoring
        discovery, capture = self._tools
        self._tools = None
        for tool in (discovery, capture):
            monitoring.set_events(tool, 0)
        for code, _file in list(self._codes.values()):
            monitoring.set_local_events(capture, code, 0)
        for event in ("LINE", "PY_START", "PY_RESUME", "PY_THROW"):
            for tool in (discovery, capture):
                monitoring.register_callback(tool, getattr(monitoring.events, event), None)
        for tool in (discovery, capture):
            monitoring.free_tool_id(tool)

    def after_fork(self) -> Capture | None:
        """Forget the captures of threads that do not exist in the child, and return the one that it is in."""
        self._lock = threading.Lock()
        current = _current.get()
        self._late.clear()
        self._pending.clear()
        if current is None:
            self._open = (self._ambient,)
            return None
        self._open = (self._ambient, current.lines)
        return Capture(current.lines, (current, None))

    # Captures

    def begin(self) -> Capture:
        """A capture bound to the current context."""
        lines: RawLines = {}
        self._pending[id(lines)] = lines
        self._epoch = object()
        if self._off:
            for code in list(self._off.values()):
                self._rearm(code)
        current = _Current(lines)
        return Capture(lines, (current, _current.set(current)))

    def end(self, capture: Capture) -> Hits:
        """Close ``capture``; its lines are the enclosing capture's too."""
        _current.reset(capture.restore[1])
        lines = capture.lines
        if _is_held_elsewhere(capture):
            # A copy of the context may run work of this capture in another thread or task: it stays open.
            with self._lock:
                self._late.append(capture)
            lines = _copy(lines)
        else:
            self._close(lines)
        if lines:
            outer = _current.get()
            if outer is not None:
                self._add(outer.lines, lines)
        return self._cache.hits(lines)

    @contextmanager
    def outside(self) -> Iterator[None]:
        """Contexts that are copied in the block hold no capture."""
        token = _current.set(None)
        try:
            yield
        finally:
            _current.reset(token)

    def peek(self, capture: Capture) -> Hits:
        """The lines so far."""
        return self._cache.hits(_copy(capture.lines))

    def late(self) -> list[tuple[Capture, Hits]]:
        """The captures that ended while copies of their context lived, as long as these do."""
        found = []
        for capture in list(self._late):
            # Asked before the lines are read: what a context adds while it lives must not be missed.
            held = _is_held_elsewhere(capture)
            found.append((capture, self.peek(capture)))
            if not held:
                with self._lock:
                    self._late.remove(capture)
                self._close(capture.lines)
        return found

    def ambient(self) -> Hits:
        """Lines outside captures since the last call."""
        ended = self._ambient
        fresh: RawLines = {}
        with self._lock:
            self._open = (fresh, *(lines for lines in self._open if lines is not ended))
            self._ambient = fresh
        self._epoch = object()
        self._ambient_codes.update(ended, self._retired)
        for key in list(self._ambient_codes):
            if key in self._dirty:
                self._rearm(self._codes[key][0])
            else:
                # Nothing ran in it since it was armed: it need not be looked at before it is entered again.
                self._ambient_codes.discard(key)
        for code in list(self._off.values()):
            self._rearm(code)
        return self._make_hits(self._unreported(ended))

    def _unreported(self, ended: RawLines) -> RawLines:
        """The lines of ``ended``, and those that a callback under way added to its predecessor after it was read."""
        current = _copy(ended)
        stragglers = {key: lines - self._reported.get(key, set()) for key, lines in _copy(self._retired).items()}
        self._retired, self._reported = ended, current
        return _union(current, {key: lines for key, lines in stragglers.items() if lines})

    def _add(self, outer: RawLines, lines: RawLines) -> None:
        for key, numbers in list(lines.items()):
            self._visit(outer, self._codes[key][0]).update(numbers)

    def _open_pending(self, lines: RawLines) -> None:
        with self._lock:
            if id(lines) in self._pending:
                self._open = (*self._open, lines)
                del self._pending[id(lines)]

    def _close(self, lines: RawLines) -> None:
        if self._pending.pop(id(lines), None) is None:
            with self._lock:
                self._open = tuple([other for other in self._open if other is not lines])

    def _make_hits(self, raw: RawLines) -> Hits:
        by_file: dict[str, set[int]] = {}
        for key, lines in raw.items():
            if lines:
                by_file.setdefault(self._codes[key][1], set()).update(lines)
        return Hits({path: frozenset(lines) for path, lines in by_file.items()})

    # Callbacks: what they do here, every request pays.

    def _on_discovery(self, code: CodeType, offset: int) -> Any:
        """The first start of a code object anywhere in the process."""
        key = id(code)
        if key not in self._codes:
            path = self._file_of(code)
            if path is None:
                return self._disable
            tool = self._tools
            if tool is None:
                return None
            # Events first: whoever finds the code known relies on them.
            sys.monitoring.set_local_events(tool[1], code, self._events_of(code))
            self._codes[key] = (code, path)
        # The events just set do not fire for the start that is under way.
        self._on_start(code, offset)
        return self._disable

    def _on_start(self, code: CodeType, offset: int) -> Any:
        epoch = self._epoch
        key = id(code)
        current = _current.get()
        lines = self._ambient if current is None else current.lines
        if key not in lines:
            self._visit(lines, code)
            return None
        calls = self._calls[key] = self._calls.get(key, 0) + 1
        if calls < _HOT:
            return None
        ambient = self._ambient
        for other in self._open:
            if other is not ambient and key not in other:
                return None
        if self._pending:
            return None
        self._off[key] = code
        if self._epoch is epoch:
            return self._disable
        return None

    def _on_line(self, code: CodeType, line: int) -> Any:
        epoch = self._epoch
        key = id(code)
        current = _current.get()
        lines = self._ambient if current is None else current.lines
        seen = lines.get(key)
        if seen is None:
            seen = self._visit(lines, code)
        if line not in seen:
            # Most lines of a view run once: disabling them, to arm them again for the next request, would cost more.
            seen.add(line)
            return None
        for other in self._open:
            seen = other.get(key)
            if seen is not None and line not in seen:
                return None
        self._dirty[key] = code
        if self._epoch is epoch:
            return self._disable
        return None

    def _on_throw(self, code: CodeType, offset: int, exception: BaseException) -> None:
        key = id(code)
        if key in self._codes:
            current = _current.get()
            lines = self._ambient if current is None else current.lines
            if key not in lines:
                self._visit(lines, code)

    def _on_line_without_gil(self, code: CodeType, line: int) -> None:
        current = _current.get()
        lines = self._ambient if current is None else current.lines
        seen = lines.get(id(code))
        if seen is None:
            seen = lines.setdefault(id(code), set())
        seen.add(line)

    def _on_start_without_gil(self, code: CodeType, offset: int) -> None:
        """Nothing: every location stays armed, so a visit changes nothing."""

    def _visit(self, lines: RawLines, code: CodeType) -> set[int]:
        """Note that the capture enters ``code``, and arm again what it may want there."""
        key = id(code)
        if id(lines) in self._pending:
            self._open_pending(lines)
        seen = lines.setdefault(key, set())
        self._calls[key] = 0
        self._epoch = object()
        if key in self._dirty:
            self._rearm(code)
        return seen

    def _rearm(self, code: CodeType) -> None:
        """Enable all locations of ``code`` and forget its marks, in one step that no other thread can enter."""
        tools = self._tools
        if tools is None:
            return
        key = id(code)
        steps = self._rearm_steps.get(key)
        if steps is None:
            set_local_events = partial(sys.monitoring.set_local_events, tools[1], code)
            steps = self._rearm_steps[key] = (
                partial(set_local_events, 0),
                partial(set_local_events, self._events_of(code)),
                partial(self._dirty.pop, key, None),
                partial(self._off.pop, key, None),
            )
        deque(map(operator.call, steps), maxlen=0)

    def _events_of(self, code: CodeType) -> int:
        return self._resumable_events if code.co_flags & _RESUMABLE else self._events

    def _file_of(self, code: CodeType) -> str | None:
        filename = code.co_filename
        if filename not in self._files:
            # Two frames up: the code that is being started.
            self._files[filename] = self._sources.file_of(filename, sys._getframe(2))
        return self._files[filename]


def _is_held_elsewhere(capture: Capture) -> bool:
    """Whether a context still holds the handle: who else does is the capture, and the call that counts."""
    return sys.getrefcount(capture.restore[0]) > 2


def _has_gil() -> bool:
    return getattr(sys, "_is_gil_enabled", lambda: True)()


def _copy(raw: RawLines) -> RawLines:
    # Both copies are single calls in C, safe beside a callback that adds to the originals.
    return {key: lines.copy() for key, lines in list(raw.items())}


def _union(first: RawLines, second: RawLines) -> RawLines:
    return {key: first.get(key, set()) | second.get(key, set()) for key in (*first, *second)}
