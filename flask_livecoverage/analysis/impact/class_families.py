"""Classes that inherit from each other, and from classes that are not measured."""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable

from .blocks import Class

# Nothing calls their methods by name, besides special ones.
_INERT = frozenset({"object"}) | {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}


class ClassFamilies:
    """Groups of classes that are connected by inheritance. Classes of the same name count as one."""

    def __init__(self, classes: Iterable[tuple[Class, Collection[str]]]) -> None:
        """Each class with the names that are the application's where it is defined."""
        self._relatives: dict[str, set[str]] = {}
        self._foreign: set[str] = set()
        for item, own_names in classes:
            own = _last(item.name)
            self._relatives.setdefault(own, set())
            for base in item.bases:
                if base.partition(".")[0] in own_names:
                    self._relatives[own].add(_last(base))
                    self._relatives.setdefault(_last(base), set()).add(own)
                elif base not in _INERT:
                    self._foreign.add(own)
            if item.customised:
                self._foreign.add(own)

    def of(self, name: str) -> frozenset[str]:
        """The names of the classes that a class is related to, itself included."""
        found = {_last(name)}
        waiting = [_last(name)]
        while waiting:
            new = self._relatives.get(waiting.pop(), set()) - found
            found |= new
            waiting.extend(new)
        return frozenset(found)

    def is_foreign(self, name: str) -> bool:
        """True if other packages may call methods of the class, or of its relatives, or read what they have."""
        return not self._foreign.isdisjoint(self.of(name))


def _last(name: str) -> str:
    return name.rpartition(".")[2]
