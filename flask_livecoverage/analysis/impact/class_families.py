"""Classes that inherit from each other, and from classes that are not measured."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from .blocks import Class
from .imports import Import, Modules

# Nothing calls their methods by name, besides special ones.
_INERT = frozenset({"object"}) | {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}


class ClassFamilies:
    """Groups of classes that are connected by inheritance. Classes of the same name count as one."""

    def __init__(self, classes: Iterable[tuple[Class, Callable[[str], str]]]) -> None:
        """Each class with a function that maps a base to the name of a measured class; empty for other ones."""
        self._relatives: dict[str, set[str]] = {}
        self._foreign: set[str] = set()
        # The classes around a class.
        self._outer: dict[str, set[str]] = {}
        for item, measured in classes:
            *outer, own = item.name.split(".")
            self._relatives.setdefault(own, set())
            self._outer.setdefault(own, set()).update(outer)
            for base in item.bases:
                relative = measured(base)
                if relative:
                    self._relatives[own].add(relative)
                    self._relatives.setdefault(relative, set()).add(own)
                elif base not in _INERT:
                    self._foreign.add(own)
            if item.customised:
                self._foreign.add(own)

    def of(self, name: str) -> frozenset[str]:
        """The names of the classes that a class is related to, itself included."""
        found = {last_part(name)}
        waiting = [last_part(name)]
        while waiting:
            new = self._relatives.get(waiting.pop(), set()) - found
            found |= new
            waiting.extend(new)
        return frozenset(found)

    def is_foreign(self, name: str) -> bool:
        """True if other packages may call methods of the class, or of its relatives, or read what they have.

        As they read the class ``Meta`` in a class that inherits from one of theirs.
        """
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            family = self.of(waiting.pop()) - seen
            if not self._foreign.isdisjoint(family):
                return True
            seen |= family
            waiting.extend(outer for one in family for outer in self._outer.get(one, set()) - seen)
        return False


@dataclass(frozen=True)
class MeasuredBases:
    """The classes that bases in one file can be. ``own`` are the outermost classes of the file, ``names`` all classes.

    An attribute of an object is none of them: the base in ``class User(db.Model)`` is of another package, although
    ``db`` is imported from a measured file.
    """

    path: str
    own: Collection[str]
    imports: Collection[Import]
    modules: Modules
    names: Collection[str]

    def __call__(self, base: str) -> str:
        """The name of the measured class that a base is; empty if it is not known to be one."""
        first, *rest = base.split(".")
        if first in self.own:
            return last_part(base)
        for found in self.imports:
            if found.bound == first and self.modules.imported(found, self.path):
                name = self._imported(found, rest)
                if name in self.names:
                    return name
        return ""

    def _imported(self, found: Import, rest: Sequence[str]) -> str:
        if not rest:
            return found.name
        # Of `import shop.models`, the first part alone is bound.
        is_outermost = not found.name and found.bound == found.module.partition(".")[0]
        module = found.bound if is_outermost else ".".join(filter(None, [found.module, found.name]))
        if found.name and not self.modules.submodule(found, self.path):
            return ""
        for part in rest[:-1]:
            if part not in self.names and not self.modules.submodule(Import(found.level, module, part, ""), self.path):
                return ""
            module = f"{module}.{part}"
        return rest[-1]


def last_part(name: str) -> str:
    """The name without the module or class that contains it."""
    return name.rpartition(".")[2]
