"""Classes that inherit from each other, and from classes that are not measured."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

from .blocks import Class, Item, Module
from .imports import Import, Modules

# Nothing calls their methods by name, besides special ones.
_INERT = frozenset({"object"}) | {
    name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
}


class ClassFamilies:
    """Groups of classes that are connected by inheritance. Classes of the same name count as one."""

    def __init__(self, classes: Iterable[tuple[Class, Callable[[str], Collection[str]]]]) -> None:
        """Each class with a function that maps a base to the names of measured classes; "" stands for other ones."""
        self._relatives: dict[str, set[str]] = {}
        self._foreign: set[str] = set()
        # The classes around a class.
        self._outer: dict[str, set[str]] = {}
        for item, measured in classes:
            *outer, own = item.name.split(".")
            self._relatives.setdefault(own, set())
            self._outer.setdefault(own, set()).update(outer)
            for base in item.bases:
                for relative in measured(base):
                    if relative:
                        self._relatives[own].add(relative)
                        self._relatives.setdefault(relative, set()).add(own)
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
    """Finds the classes that bases in the file at ``path`` can be. ``sides`` are the contents of a file.

    A name is followed through imports and other names. An attribute of an object is no measured class: the base in
    ``class User(db.Model)`` is of another package, although ``db`` is imported from a measured file.
    """

    path: str
    modules: Modules
    sides: Callable[[str], Sequence[Module]]

    def __call__(self, base: str) -> frozenset[str]:
        """The names of the measured classes that a base can be; "" among them if it can be something else."""
        return frozenset(self._in_file(self.path, base.split("."), frozenset())) or frozenset({""})

    def _in_file(self, path: str, parts: Sequence[str], seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        place = path, ".".join(parts)
        if not parts or place in seen:
            yield ""
            return
        binding = [item for side in self.sides(path) for item in side.items if parts[0] in item.names]
        for item in binding:
            yield from self._in_item(item, path, parts, seen | {place})
        for file, rest in self._elsewhere(path, parts):
            yield from self._in_file(file, rest, seen | {place})

    def _in_item(self, item: Item, path: str, parts: Sequence[str], seen: frozenset[tuple[str, str]]) -> Iterator[str]:
        found = [one for one in item.imports if one.bound == parts[0]]
        if item.scope:
            yield _nested(item.scope, parts[1:])
        elif found:
            for one in found:
                yield from self._imported(one, path, parts, seen)
            if item.kind != "import":
                # In a condition, another statement may bind it.
                yield ""
        elif item.kind == "statement" and not item.effect and len(item.mentions.bare) == 1:
            (other,) = item.mentions.bare
            yield from self._in_file(path, [*other.split("."), *parts[1:]], seen)
        else:
            yield ""

    def _imported(
        self, found: Import, path: str, parts: Sequence[str], seen: frozenset[tuple[str, str]]
    ) -> Iterator[str]:
        if found.name:
            files = self.modules.submodule(found, path)
            rest = parts[1:] if files else [found.name, *parts[1:]]
            yield from self._in_files(files or self._module_files(found, path), rest, seen)
            return
        whole = list(parts) if found.binds_outermost else [*found.module.split("."), *parts[1:]]
        for length in range(len(whole) - 1, 0, -1):
            *package, module = whole[:length]
            if files := self.modules.submodule(Import(0, ".".join(package), module, ""), path):
                yield from self._in_files(files, whole[length:], seen)
                return
        yield ""

    def _elsewhere(self, path: str, parts: Sequence[str]) -> Iterator[tuple[str, Sequence[str]]]:
        """The files that give a name to another one: as modules of its package, or by a star import."""
        if path.endswith("__init__.py"):
            yield from ((file, parts[1:]) for file in self.modules.submodule(Import(1, "", parts[0], ""), path))
        for found in (one for side in self.sides(path) for item in side.items for one in item.imports):
            for file in self._module_files(found, path) if found.name == "*" else ():
                if any(parts[0] in item.names or _is_star(item) for side in self.sides(file) for item in side.items):
                    yield file, parts

    def _module_files(self, found: Import, path: str) -> Collection[str]:
        """The files of the module from which a name is imported."""
        package, _, module = found.module.rpartition(".")
        return self.modules.submodule(Import(found.level, package, module or "__init__", ""), path)

    def _in_files(
        self, files: Collection[str], parts: Sequence[str], seen: frozenset[tuple[str, str]]
    ) -> Iterator[str]:
        for file in files:
            yield from self._in_file(file, parts, seen)
        if not files:
            yield ""


def _is_star(item: Item) -> bool:
    return any(found.name == "*" for found in item.imports)


def _nested(scope: Class, parts: Sequence[str]) -> str:
    """The name of a class within another one; empty if it has no such class."""
    for part in parts:
        inner = next((item.scope for item in scope.items if item.scope and part in item.names), None)
        if not inner:
            return ""
        scope = inner
    return _last(scope.name)


def _last(name: str) -> str:
    """The name without the module or class that contains it."""
    return name.rpartition(".")[2]
