"""The engine for Python 3.12 and newer: exact lines of each capture at nearly the speed of the bare program.

:mod:`~.locations` decides what is armed and when a location may be disabled, :mod:`~.file_decisions` which code is
application code. This module manages the captures and converts their lines to hits.
"""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import compress, count
from typing import Any

from ..errors import EngineError
from ..settings import PURE_PYTHON_VARIABLE
from ..sources.selection import Sources
from .base import Capture, Handle, Hits, HitsCache, RawLines, current_handle, shares_lines
from .file_decisions import FileDecisions
from .gc_watch import CollectorWatch
from .locations import Locations, UnsharedLocations, events_of
from .running_frames import running_frames
from .tool_ids import Callback, check_tool_ids, register_callbacks, remove_callbacks, retake, take_tool_ids

# For type checkers on Python 3.11, where this module is not imported.
assert sys.version_info >= (3, 12)

# The number of code objects that may be kept before unused ones are looked for.
_FEW_CODES = 1000

MakeLocations = Callable[[int, ContextVar[Handle | None], FileDecisions], Locations]


def fastest_locations() -> MakeLocations:
    """Return the fastest class that this interpreter can use: :class:`Locations`, or the C extension if compiled.

    ``LIVECOVERAGE_PURE_PYTHON`` in the environment disables the latter.
    """
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        return UnsharedLocations
    if os.environ.get(PURE_PYTHON_VARIABLE):
        return Locations
    try:
        from . import _locations
    except ImportError:
        return Locations
    return _locations.Locations


class MonitoringEngine:
    """Exact lines under threads, greenlets and coroutines, through ``sys.monitoring``."""

    name = "monitoring"
    branch = False

    def __init__(self, sources: Sources, make_locations: MakeLocations | None = None) -> None:
        self._sources = sources
        self._make_locations = make_locations or fastest_locations()
        self._tools: tuple[int, int] | None = None
        self._late: list[Capture] = []
        # Of the captures that were open when the engine was stopped: their dicts, and their lines by then.
        self._before_stop: dict[int, tuple[RawLines, Hits]] = {}
        # The error if another tool has ended the measuring; else empty.
        self._lost = ""
        self._callbacks: list[Callback] = []
        self._events: dict[int, int] = {}
        self._collector_watch = None if self.is_fast else CollectorWatch(_callbacks_of(self._make_locations))
        self._reset()

    @property
    def is_fast(self) -> bool:
        """True if the callbacks are in C."""
        return self._make_locations not in (Locations, UnsharedLocations)

    def _reset(self, tool: int = 0) -> None:
        self._retired: RawLines = {}
        self._reported: dict[int, set[int]] = {}
        self._ambient_codes: set[int] = set()
        self._cache = HitsCache(self._make_hits)
        self._forget_threshold = _FEW_CODES
        self._decisions = FileDecisions(self._sources)
        self._locations = self._make_locations(tool, current_handle, self._decisions)

    # Start and stop

    def start(self) -> None:
        """Take two tool ids and start measuring; a second call checks that they are still ours.

        Raises EngineError if fewer than two are free, or another tool has taken them over.
        """
        if self._tools is not None:
            self._check()
            return
        monitoring = sys.monitoring
        events = monitoring.events
        # A local event cannot be armed again while the same tool has it enabled globally. Hence two tools.
        discovery, capture = self._tools = take_tool_ids()
        self._reset(capture)
        for lines, _ in self._before_stop.values():
            self._locations.enter(lines)
        self._lost = ""
        self._callbacks = [
            (capture, events.LINE, self._locations.on_line),
            (capture, events.PY_START, self._locations.on_start),
            (capture, events.PY_RESUME, self._locations.on_start),
            (capture, events.PY_THROW, self._locations.on_throw),
            (discovery, events.PY_START, self._locations.on_discovery),
            (discovery, events.PY_RESUME, self._locations.on_discovery),
        ]
        # A generator may only ever be entered by throw(), and there is no local event for that.
        self._events = {capture: events.PY_THROW, discovery: events.PY_START | events.PY_RESUME}
        register_callbacks(self._callbacks)
        for tool, wanted in self._events.items():
            monitoring.set_events(tool, wanted)
        # Locations that an earlier user of these ids disabled would stay disabled.
        monitoring.restart_events()
        if self._collector_watch is not None:
            self._collector_watch.start()
        # The code that decides about files is itself discovered when it starts. Let that happen here, where the stack
        # is not deep.
        self._locations.discover(MonitoringEngine.start.__code__)
        self._discover_running_frames()

    def _discover_running_frames(self) -> None:
        """Arm the code that is running already: the rest of the module, function or loop that started the engine."""
        files = self._decisions.files
        for frame in running_frames():
            filename = frame.f_code.co_filename
            if filename not in files:
                # Not in on_discovery, whose decision would look for the frame in the current thread only.
                self._decisions.note(filename, frame)
            self._locations.on_discovery(frame.f_code, 0)

    def stop(self) -> None:
        """Free the tool ids. Collected lines stay readable."""
        if self._tools is None:
            return
        monitoring = sys.monitoring
        _, capture = self._tools
        tools = retake(self._tools)
        self._tools = None
        if self._collector_watch is not None:
            self._collector_watch.stop()
        for tool in tools:
            monitoring.set_events(tool, 0)
        codes = [code for code, _ in list(self._locations.codes.values())]
        if capture not in tools:
            # Another tool has this id, and may have set other events by now.
            codes = [code for code in codes if monitoring.get_local_events(capture, code) == events_of(code)]
        self._locations.release(codes)
        remove_callbacks(self._callbacks)
        for tool in tools:
            monitoring.free_tool_id(tool)
        self._save_open_captures()

    def _save_open_captures(self) -> None:
        """Save and empty the open captures, because an engine started next in the same contexts has other codes."""
        for key, lines in list(self._locations.open.items()):
            if lines is not self._locations.ambient:
                _, before = self._before_stop.get(key, (None, Hits()))
                self._before_stop[key] = (lines, before.union(self._make_hits(_copy(lines))))
                lines.clear()

    def abandon(self) -> None:
        """Collect nothing more. The events stay enabled.

        After a fork that Python was not informed of, the interpreter still refers to the frames of threads that do not
        exist any more. Disabling events makes it visit all frames, and crash.
        """
        if self._tools is not None:
            if self._collector_watch is not None:
                self._collector_watch.stop()
            remove_callbacks(self._callbacks)
            self._tools = None

    def _check(self) -> None:
        # The error remains even if the ids are free again, because code objects have lost their events.
        if self._lost:
            raise EngineError(self._lost)
        try:
            check_tool_ids(self._events, self._callbacks)
        except EngineError as error:
            self._lost = str(error)
            # The ids are another tool's from now on.
            self._locations.release([])
            remove_callbacks(self._callbacks)
            raise

    def after_fork(self) -> Capture | None:
        """Close the captures of threads that do not exist in the child, and return the one that it is in."""
        handle = current_handle.get()
        ambient = self._locations.ambient
        self._late.clear()
        for lines in list(self._locations.open.values()):
            if lines is not ambient and (handle is None or lines is not handle[0]):
                self._locations.leave(lines)
        return None if handle is None else Capture(handle, None)

    # Captures

    def begin(self, owner: Any = None) -> Capture:
        """Begin a capture in the current context. Raises EngineError once another tool has ended the measuring."""
        if self._lost:
            raise EngineError(self._lost)
        lines: RawLines = {}
        self._locations.enter(lines)
        handle = (lines, owner)
        return Capture(handle, current_handle.set(handle))

    def end(self, capture: Capture) -> Hits:
        """Close ``capture``; its lines are also the enclosing capture's if :func:`shares_lines` is true."""
        current_handle.reset(capture.state)
        # A copy of the context may run work of this capture in another thread or task: then the capture stays open.
        held = _is_held_elsewhere(capture)
        lines = _copy(capture.lines) if held else capture.lines
        outer = current_handle.get() if lines else None
        if outer is not None and shares_lines(capture.owner, outer[1]) and self._tools is not None:
            self._add(outer[0], lines)
        # The usual case, that nothing was stopped, is inlined, because a call would be part of the cost of each
        # request.
        usual = self._tools is not None and not self._before_stop
        hits = self._cache.hits(lines) if usual else self._hits_of(capture, lines)
        if held:
            self._late.append(capture)
        elif usual:
            self._locations.leave(lines)
        else:
            self._leave(capture)
        return hits

    def _hits_of(self, capture: Capture, lines: RawLines) -> Hits:
        """Return the hits of ``lines``, those of the capture, and of the lines from before the engine was stopped."""
        if self._tools is not None and not self._before_stop:
            return self._cache.hits(lines)
        # Lines that were added without our callbacks come from another engine.
        hits = self._cache.hits({} if self._tools is None else lines)
        _, before = self._before_stop.get(id(capture.lines), (None, hits))
        return before.union(hits)

    def _leave(self, capture: Capture) -> None:
        self._locations.leave(capture.lines)
        if self._before_stop:
            self._before_stop.pop(id(capture.lines), None)

    @contextmanager
    def detached(self) -> Iterator[None]:
        """A block in which the context, and copies of it, refer to no capture."""
        token = current_handle.set(None)
        try:
            yield
        finally:
            current_handle.reset(token)

    def peek(self, capture: Capture) -> Hits:
        """Return the lines so far."""
        return self._hits_of(capture, _copy(capture.lines))

    def late(self) -> list[tuple[Capture, Hits]]:
        """Return the captures that ended before all copies of their context, as long as such copies live."""
        found = []
        for capture in list(self._late):
            # Checked before the lines are read, so that lines that a living context adds meanwhile are not missed.
            held = _is_held_elsewhere(capture)
            found.append((capture, self.peek(capture)))
            if not held:
                self._late.remove(capture)
                self._leave(capture)
        return found

    def ambient(self) -> Hits:
        """Return the lines outside captures since the last call."""
        locations = self._locations
        ended = locations.renew_ambient()
        self._ambient_codes.update(ended, self._retired)
        for key in list(self._ambient_codes):
            if key in locations.dirty:
                locations.rearm(locations.codes[key][0])
            else:
                # Nothing ran in it since it was armed, so it need not be checked before it is entered again.
                self._ambient_codes.discard(key)
        locations.rearm_off()
        hits = self._make_hits(self._unreported(ended))
        if len(locations.codes) >= self._forget_threshold:
            self._forget_unused_codes()
        return hits

    def _unreported(self, ended: RawLines) -> RawLines:
        """Return the lines of ``ended``, and those that a running callback added to its predecessor after its end."""
        current = _copy(ended)
        stragglers = _combine(operator.gt, _copy(self._retired), self._reported)
        self._retired, self._reported = ended, current
        return _combine(operator.or_, current, stragglers)

    def _forget_unused_codes(self) -> None:
        """Forget the code objects to which nothing else refers.

        Checking all of them each time would cost too much in an application with much code. It is done when a quarter
        more of them are kept than were in use last time.
        """
        unused = forgotten = 1
        while forgotten and self._tools is not None:
            # Code that only these referred to, such as that of inner functions, may be forgotten after them.
            unused, forgotten = self._forget_codes()
        in_use = len(self._locations.codes) - unused
        self._forget_threshold = in_use + max(_FEW_CODES, in_use // 4)

    def _forget_codes(self) -> tuple[int, int]:
        """Forget unused code objects. Return how many stay because captures have visited them, and how many do not."""
        locations = self._locations
        unused = [
            entry[0]
            for key, entry in list(locations.codes.items())
            # Two references are those of the entry and of the call that counts.
            if sys.getrefcount(entry[0]) <= 2 + locations.references(key)
        ]
        forgotten = [code for code in unused if id(code) not in self._retired and locations.forget(code)]
        if forgotten:
            # Remove what is keyed by their ids before these can be reused: `forgotten` keeps the code objects alive.
            self._cache = HitsCache(self._make_hits)
            self._ambient_codes.intersection_update(locations.codes)
        return len(unused) - len(forgotten), len(forgotten)

    def _add(self, outer: RawLines, lines: RawLines) -> None:
        for key, marks in list(lines.items()):
            # Never None, because an open capture has visited the code, so it is not forgotten.
            outers = self._locations.visit(outer, self._locations.codes[key][0])
            for index in compress(range(len(marks)), marks):
                outers[index] = 1  # type: ignore[index]

    def _make_hits(self, raw: RawLines) -> Hits:
        by_file: dict[str, set[int]] = {}
        for key, marks in raw.items():
            # Lines of unknown code are those of another engine, which was started since this one was stopped.
            if any(marks) and key in self._locations.codes:
                first, *_ = self._locations.extents[key]
                by_file.setdefault(self._locations.codes[key][1], set()).update(compress(count(first), marks))
        return Hits({path: frozenset(lines) for path, lines in by_file.items()})


def _callbacks_of(locations: Any) -> tuple[Callable[..., Any], ...]:
    return locations.on_line, locations.on_start, locations.on_discovery, locations.on_throw


def _is_held_elsewhere(capture: Capture) -> bool:
    """True if a context refers to the handle. The other two references are in the capture and in the counting call."""
    return sys.getrefcount(capture.handle) > 2


def _copy(raw: RawLines) -> RawLines:
    # Both copies are single calls in C: callbacks in other threads may add to the originals meanwhile.
    return {key: marks.copy() for key, marks in list(raw.items())}


def _combine(operation: Callable[[int, int], int], first: RawLines, second: RawLines) -> RawLines:
    """Apply an operation to each two marks, of which one may be missing."""
    combined = {}
    for key in (*first, *second):
        one, other = first.get(key), second.get(key)
        blank = bytes(len(one or other or b""))
        combined[key] = bytearray(map(operation, one or blank, other or blank))
    return combined
