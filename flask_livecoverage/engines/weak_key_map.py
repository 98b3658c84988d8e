"""A mapping from greenlets to values, without a callback that runs when a greenlet dies."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_MIN_SWEEP = 64


class WeakKeyMap(Generic[T]):
    """Does not keep its keys alive, like ``weakref.WeakKeyDictionary``, which cannot be used for greenlets.

    That class registers a callback in Python for the death of each key. A thread's main greenlet dies in a pending call
    of the interpreter's main thread, and if that thread is traced, CPython 3.11 does not reach the first instruction of
    such a callback as long as another pending call waits, which is forever. Here, dead keys are dropped when there may
    be as many of them as live ones.
    """

    def __init__(self) -> None:
        # A live reference equals other references to the same object, a dead one only itself.
        self._values: dict[weakref.ref[Any], T] = {}
        self._next_sweep = _MIN_SWEEP

    def get(self, key: Any) -> T | None:
        """Return the value of ``key``, if it has one."""
        return self._values.get(weakref.ref(key))

    def __contains__(self, key: Any) -> bool:
        return weakref.ref(key) in self._values

    def __setitem__(self, key: Any, value: T) -> None:
        self._values[weakref.ref(key)] = value
        if len(self._values) > self._next_sweep:
            self._sweep()

    def pop(self, key: Any) -> T | None:
        """Remove and return the value of ``key``, if it has one."""
        return self._values.pop(weakref.ref(key), None)

    def update(self, items: Iterable[tuple[Any, T]]) -> None:
        """Set the values of several keys."""
        for key, value in items:
            self[key] = value

    def values(self) -> list[T]:
        """Return the values of the keys that are alive."""
        return [value for reference, value in list(self._values.items()) if reference() is not None]

    def _sweep(self) -> None:
        for reference in list(self._values):
            if reference() is None:
                self._values.pop(reference, None)
        self._next_sweep = 2 * len(self._values) + _MIN_SWEEP
