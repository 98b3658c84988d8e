"""Values by greenlet, without a function that is called when a greenlet dies."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import Any, Generic, TypeVar

T = TypeVar("T")

_FEWEST = 64


class WeakKeyMap(Generic[T]):
    """Keeps its keys alive as little as ``weakref.WeakKeyDictionary``, which cannot be used for greenlets.

    That one has a function in Python called when a key dies. The first greenlet of a thread dies in a pending call of
    the interpreter's main thread, and if that thread is traced, CPython 3.11 does not come to the first instruction of
    such a function as long as another pending call waits: which is for ever. Here, keys that are dead are dropped when
    there may be as many of them as of others.
    """

    def __init__(self) -> None:
        # A reference equals the one that is made of the same object, and a dead one itself alone.
        self._values: dict[weakref.ref[Any], T] = {}
        self._next_sweep = _FEWEST

    def get(self, key: Any) -> T | None:
        """The value of ``key``, if it has one."""
        return self._values.get(weakref.ref(key))

    def __contains__(self, key: Any) -> bool:
        return weakref.ref(key) in self._values

    def __setitem__(self, key: Any, value: T) -> None:
        self._values[weakref.ref(key)] = value
        if len(self._values) > self._next_sweep:
            self._sweep()

    def pop(self, key: Any) -> T | None:
        """Take out the value of ``key``, if it has one."""
        return self._values.pop(weakref.ref(key), None)

    def update(self, items: Iterable[tuple[Any, T]]) -> None:
        """Set the values of several keys."""
        for key, value in items:
            self[key] = value

    def values(self) -> list[T]:
        """Those of the keys that live."""
        return [value for reference, value in list(self._values.items()) if reference() is not None]

    def _sweep(self) -> None:
        for reference in list(self._values):
            if reference() is None:
                self._values.pop(reference, None)
        self._next_sweep = 2 * len(self._values) + _FEWEST
