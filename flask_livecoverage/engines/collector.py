"""Delivers the events of what the garbage collector runs during a callback that is written in Python."""

from __future__ import annotations

import gc
import operator
import sys
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any

try:
    import ctypes
except ImportError:  # Python was built without libffi
    ctypes = None  # type: ignore[assignment]

# The watch that has lifted the suppression; two that did would suppress events again.
_lifted: list[CollectorWatch] = []


class CollectorWatch:
    """Lifts CPython's suppression of events for the time of a collection, if that comes during a callback.

    Bytecode is where the collector runs. So it can run in callbacks in Python, and then the lines of finalizers and of
    weak references' callbacks would be nobody's. Without ctypes, nothing is done.

    :param callbacks: the code of the callbacks, and the code that they call, is all in one file.
    """

    def __init__(self, callbacks: tuple[Callable[..., Any], ...]) -> None:
        self._callbacks = {callback.__code__ for callback in callbacks}
        self._filename = callbacks[0].__code__.co_filename

    def start(self) -> None:
        """Watch the collector."""
        if ctypes is not None:
            gc.callbacks.insert(0, self._on_collection)

    def stop(self) -> None:
        """Leave the collector as it was found."""
        if self._on_collection in gc.callbacks:
            gc.callbacks.remove(self._on_collection)

    def _on_collection(self, phase: str, info: object) -> None:
        if phase == "start" and not _lifted and self._in_callback():
            _in_one_step(_change_tracing("PyThreadState_LeaveTracing"), partial(_lifted.append, self))
        elif phase == "stop" and self in _lifted:
            _in_one_step(_lifted.clear, _change_tracing("PyThreadState_EnterTracing"))

    def _in_callback(self) -> bool:
        # Nobody has called that one, when the interpreter ends.
        frame = sys._getframe(1).f_back
        while frame is not None and frame.f_code.co_filename == self._filename:
            if frame.f_code in self._callbacks:
                return True
            frame = frame.f_back
        return False


def _change_tracing(function: str) -> Callable[[], object]:
    """A call of a function that takes the current thread's state. CPython exports it since 3.11."""
    ctypes.pythonapi.PyThreadState_Get.restype = ctypes.c_void_p
    return partial(getattr(ctypes.pythonapi, function), ctypes.c_void_p(ctypes.pythonapi.PyThreadState_Get()))


def _in_one_step(*steps: Callable[[], object]) -> None:
    """Call each; no signal handler, and so no exception, comes between."""
    deque(map(operator.call, steps), 0)
