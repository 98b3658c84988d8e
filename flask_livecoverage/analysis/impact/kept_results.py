"""Code whose results are kept, so that tests use them without running it again.

That is the code of modules that a test was the first to import, functions behind a cache, and functions that store
something in a module, in a class, or in an object that lives longer than a request. The cache may be a decorator of the
program's own. Only the first test ran the functions that these call. So a change of such a function also reaches the
tests that ran anything in the module that keeps the result.

Files of tests that import the application are treated alike: what they call runs in a process that is not measured.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from .blocks import Function, Module, with_inner
from .imports import STANDARD_LIBRARY, Import
from .mentions import Mentions
from .program import Program, SourceFile, imports_of, mentions_of
from .stores import OF_CLASS, OF_OBJECT, is_cache

# With these methods, an object of a class can be a decorator.
_OF_DECORATORS = frozenset({"__call__", "__get__"})
# Objects of Flask that live as long as the application.
_PROCESS_STATE = frozenset({"current_app"})


class KeptResults:
    """The results that the modules of a program keep, in either version."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def keepers(self, function: Function, path: str) -> frozenset[str]:
        """The modules that may keep a result of a function, judging by its name."""
        return frozenset(
            keeper
            for user, (names, keepers) in self._called.items()
            if _is_called(function, names) and user in self._dependents[path]
            for keeper in keepers
        )

    @cached_property
    def _dependents(self) -> Mapping[str, frozenset[str]]:
        return {path: self._program.dependents(path) for path in self._program.files}

    def kept_in(self, function: Function, path: str) -> frozenset[str]:
        """The modules that keep what a function computes; none if it must be called again."""
        found = self._stored_in(function, path)
        is_kept = not function.decorated_by.isdisjoint(self._caches) or function.simple_name in self._wrapped
        return found | {path} if is_kept else found

    @cached_property
    def _caches(self) -> frozenset[str]:
        """The names of the program's own decorators that may keep results."""
        found = set(self._caching_functions())
        # Other names for these, and their objects.
        while True:
            more = set(self._bound_to_caches(found)) - found - {""}
            if not more:
                return frozenset(found)
            found |= more

    def _bound_to_caches(self, caches: Collection[str]) -> Iterator[str]:
        for side in self._sides:
            yield from (one.bound for one in imports_of(side) if one.name in caches or is_cache(one.name))
            for item in side.items:
                if item.kind == "statement" and any(one in caches or is_cache(one) for one in _names_in(item.mentions)):
                    yield from item.names

    def _caching_functions(self) -> Iterator[str]:
        for path in self._program.files:
            for function in (one for side in self._program.sides(path) for one in side.functions):
                if function.simple_name in _OF_DECORATORS:
                    yield function.owner
                if any(map(is_cache, function.mentions.names | function.mentions.attributes)) or any(
                    self._stored_in(inner, path) for inner in with_inner(function.inner)
                ):
                    yield function.simple_name

    @cached_property
    def _sides(self) -> list[Module]:
        return [side for path in self._program.files for side in self._program.sides(path)]

    @cached_property
    def _wrapped(self) -> frozenset[str]:
        """The names of functions that statements wrap, as in ``rates = lru_cache(load)``."""
        found: set[str] = set()
        for item in (item for side in self._sides for item in side.all_items if item.kind == "statement"):
            names = item.mentions.names | item.mentions.attributes
            caches = {name for name in names if is_cache(name) or name in self._caches}
            found |= item.mentions.bare - caches if item.effect and caches else set()
        return frozenset(found)

    def _stored_in(self, function: Function, path: str) -> frozenset[str]:
        found = {path} if function.keeps else set()
        for name in function.stores:
            if name == OF_CLASS or (name == OF_OBJECT and self._lives_long(function)):
                found.add(path)
            elif name != OF_OBJECT:
                found |= self._modules_of(name, path)
        return frozenset(found)

    def _lives_long(self, method: Function) -> bool:
        """True for a method of an object that start-up code may have made."""
        owner = method.name.rpartition(".")[0]
        return method.simple_name != "__init__" and not self._used_at_start.isdisjoint(self._program.families.of(owner))

    @cached_property
    def _used_at_start(self) -> frozenset[str]:
        return frozenset(
            name
            for unit in self._program.units
            if unit.at_start and (not unit.item or (unit.item.effect and unit.item.kind == "statement"))
            for name in unit.mentions.names | unit.mentions.attributes
        )

    def _modules_of(self, name: str, path: str) -> frozenset[str]:
        """The modules that have an object that is stored into, given by the name that a function uses for it."""
        bound = [item for side in self._program.sides(path) for item in side.items if name in item.names]
        imports = [found for item in bound for found in item.imports if found.bound == name]
        if not imports:
            # Of the module itself, or of a function around it.
            return frozenset() if not bound and hasattr(builtins, name) else frozenset({path})
        files = frozenset(file for found in imports for file in self._program.modules.imported(found, path))
        if files:
            return files | {path}
        is_state = name in _PROCESS_STATE or all(found.module in STANDARD_LIBRARY for found in imports)
        return self._importers_of(imports) if is_state else frozenset()

    def _importers_of(self, imports: Collection[Import]) -> frozenset[str]:
        wanted = {(found.module, found.name) for found in imports}
        return frozenset(
            path
            for path in self._program.files
            for side in self._program.sides(path)
            if any((found.module, found.name) in wanted for found in imports_of(side))
        )

    @cached_property
    def _called(self) -> Mapping[str, tuple[frozenset[str], frozenset[str]]]:
        """By module: the names that its code whose results are kept calls, directly or not, and what keeps these."""
        found = {}
        for path in (*self._program.files, *self._program.clients):
            if keeping := list(self._keeping(path)):
                keepers = frozenset(keeper for modules, _ in keeping for keeper in modules)
                found[path] = self._names_called_by(path, (mentions for _, mentions in keeping)), keepers
        return found

    def _names_called_by(self, path: str, keeping: Iterable[Mentions]) -> frozenset[str]:
        names = {name for mentions in keeping for name in _names_in(mentions)}
        functions = [
            function
            for other in self._program.files
            if names and path in self._dependents[other]
            for side in self._program.sides(other)
            for function in side.functions
        ]
        while True:
            called = {
                name for function in functions if _is_called(function, names) for name in _names_in(function.mentions)
            }
            if called <= names:
                return frozenset(names)
            names |= called

    def _keeping(self, path: str) -> Iterator[tuple[Collection[str], Mentions]]:
        """The code of a file whose results are kept, each with the modules that keep them."""
        if path in self._program.clients:
            yield from (([path], mentions) for mentions in mentions_of(self._program.clients[path]))
            return
        for side in self._program.sides(path):
            if _is_imported_by_tests(self._program.files[path]):
                yield from (([path], item.mentions) for item in side.all_items if item.effect)
            for function in side.functions:
                if modules := self.kept_in(function, path):
                    yield modules, function.mentions


def _is_imported_by_tests(file: SourceFile) -> bool:
    if not file.old or file.old.broken:
        return False
    lines = file.old.lines_at_import
    return bool(lines & file.executed) and not lines & file.ambient


def _names_in(mentions: Mentions) -> frozenset[str]:
    return mentions.names | mentions.attributes | mentions.words


def _is_called(function: Function, names: frozenset[str] | set[str]) -> bool:
    owner, _, name = function.name.rpartition(".")
    special = name.startswith("__") and owner.rpartition(".")[2] in names
    return name in names or special
