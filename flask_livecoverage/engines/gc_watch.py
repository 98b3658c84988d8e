"""Delivers the events of code that the garbage collector runs during a callback that is written in Python."""

from __future__ import annotations

import gc
import operator
import sys
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from itertools import chain
from typing import Any

try:
    import ctypes
except ImportError:  # Python was built without libffi
    ctypes = None  # type: ignore[assignment]

# The watch that has lifted the suppression, and the call that restores it. Two watches would suppress events again.
_lifted: dict[CollectorWatch, Callable[[], object]] = {}


class CollectorWatch:
    """Lifts CPython's suppression of events for the time of a collection that runs during a callback.

    The collector runs between bytecode instructions. So it can run in callbacks in Python, and then the lines of
    finalizers and of weak references' callbacks would be lost. Without ctypes, this class does nothing.

    Nor does it do anything in an audit hook that Python calls in a callback: Python traces nothing in those.

    :param callbacks: the callbacks. Their code, and the code that they call, must be in one file.
    """

    def __init__(self, callbacks: tuple[Callable[..., Any], ...]) -> None:
        self._callbacks = {callback.__code__ for callback in callbacks}
        self._filename = callbacks[0].__code__.co_filename

    def start(self) -> None:
        """Watch the collector."""
        if ctypes is not None:
            # Twice, because when a collection ends, an exception from a signal handler may end the first call at its
            # start.
            gc.callbacks.insert(0, self._on_collection)
            gc.callbacks.append(self._on_collection)

    def stop(self) -> None:
        """Restore the collector's callbacks, and the state of a thread in which a collection is running."""
        removals = [partial(gc.callbacks.remove, self._on_collection)] * gc.callbacks.count(self._on_collection)
        _in_one_step(chain(removals, self._restoration()))

    def _on_collection(self, phase: str, info: object) -> None:
        if phase == "stop":
            _in_one_step(self._restoration())
        elif not _lifted and self._in_callback():
            leave, enter = _changes_of_tracing()
            # The first step fails if the watch was stopped meanwhile, when nothing would restore the suppression.
            is_on = partial(gc.callbacks.index, self._on_collection)
            with suppress(ValueError):
                _in_one_step([is_on, leave, partial(operator.setitem, _lifted, self, enter)])

    def _restoration(self) -> Iterable[Callable[[], object]]:
        """Return the call that restores the suppression, if this watch has lifted it; it is returned at most once."""
        return map(_lifted.pop, [self], [int])

    def _in_callback(self) -> bool:
        # At the interpreter's end, there is no caller.
        frame = sys._getframe(1).f_back
        while frame is not None and frame.f_code.co_filename == self._filename:
            if frame.f_code in self._callbacks:
                return True
            frame = frame.f_back
        return False


def _changes_of_tracing() -> list[Callable[[], object]]:
    """Return two functions, callable in any thread: deliver events in this thread, and suppress them again.

    CPython has them since 3.11.
    """
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
    thread = ctypes.c_void_p(ctypes.pythonapi.PyThreadState_Get())
    return [
        partial(getattr(ctypes.pythonapi, function), thread)
        for function in ("PyThreadState_LeaveTracing", "PyThreadState_EnterTracing")
    ]


def _in_one_step(steps: Iterable[Callable[[], object]]) -> None:
    """Call each step from C: no other thread, signal handler or exception can come between them."""
    deque(map(operator.call, steps), 0)
