"""The measured files before and after a change, and which of their code mentions a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from .blocks import Function, Item, Module
from .class_families import ClassFamilies, MeasuredBases
from .comparison import Comparison, compare
from .imports import Import, Modules, closure
from .mentions import Mentions
from .reach import Reach, united

# The kind of a name of an installed module, as far as that is known; of the module itself without a name.
Kind = Literal["class", "other", ""]
InstalledNames = Callable[[str, str], Kind]

# Modules of which frameworks read names that stand nowhere in the program.
_CONFIGURATION = re.compile(r"(^|[/_])(default_?)?(settings|config|configuration|conf)([/._]|$)")


def no_installed_names(module: str, name: str) -> Kind:
    """Nothing is known of installed modules."""
    return ""


@dataclass(frozen=True)
class SourceFile:
    """A measured file: its recorded and its present content.

    ``recorded`` is true if the run has the file; then ``old`` is None if its content is unknown. ``new`` is None if the
    file is gone. ``ambient`` are the lines that ran outside of tests, such as at start-up, ``executed`` all lines that
    ran at all; both of the recorded content.
    """

    path: str
    old: Module | None
    new: Module | None
    ambient: int = 0
    executed: int = 0
    recorded: bool = True

    @property
    def is_unchanged(self) -> bool:
        """True if both contents are known and the same."""
        return self.old is not None and self.new is not None and self.old.content == self.new.content

    @property
    def is_comparable(self) -> bool:
        """True if both contents are known and can be parsed."""
        return all(side is not None and not side.broken for side in (self.old, self.new))

    @property
    def is_unloaded(self) -> bool:
        """True if the application did not load the file, judging by its statements, of which none ran."""
        return self.recorded and not self.ran and self.old is not None and bool(self.old.items)

    @property
    def ran(self) -> int:
        """All lines that ran."""
        return self.ambient | self.executed


@dataclass(frozen=True)
class Unit:
    """A piece of code that both versions have: a statement of a module or class, or the body of a function."""

    path: str
    mentions: Mentions
    at_start: bool
    own_lines: int = 0
    item: Item | None = None
    class_name: str = ""
    imports: tuple[Import, ...] = ()


@dataclass(frozen=True)
class Program:
    """The measured files of an application, before and after a change.

    ``known_importers`` are the paths that were seen importing a path. ``template_words`` are the words in templates
    that are not measured, ``installed`` the packages that can be imported, ``installed_names`` finds the kind of a name
    of an installed module. ``clients`` are files that are not measured and may import the application, such as those of
    tests.
    """

    files: Mapping[str, SourceFile]
    known_importers: Mapping[str, Collection[str]] = field(default_factory=dict)
    template_words: Collection[str] = frozenset()
    installed: Collection[str] = frozenset()
    installed_names: InstalledNames = no_installed_names
    clients: Mapping[str, Module] = field(default_factory=dict)

    @cached_property
    def modules(self) -> Modules:
        """The modules of both versions."""
        return Modules(self.files)

    @cached_property
    def importers(self) -> Mapping[str, frozenset[str]]:
        """For each file, those that import it, in either version or as was seen."""
        found: dict[str, set[str]] = {path: set(importers) for path, importers in self.known_importers.items()}
        for path in {*self.files, *self.clients}:
            for imported in self._imported_by(path):
                found.setdefault(imported, set()).add(path)
        return {path: frozenset(importers - {path}) for path, importers in found.items()}

    def _imported_by(self, path: str) -> Iterator[str]:
        for side in self.sides(path):
            for imported in imports_of(side):
                yield from self.modules.imported(imported, path)
            for mentions in mentions_of(side):
                for text in mentions.dotted:
                    yield from self.modules.in_text(text, path)
                if mentions.discovers:
                    yield from self.files

    def sides(self, path: str) -> list[Module]:
        """The known contents of a file: one if it has not changed."""
        if path not in self.files:
            return [self.clients[path]]
        file = self.files[path]
        sides = [file.new] if file.is_unchanged else [file.old, file.new]
        return [side for side in sides if side is not None]

    @cached_property
    def comparisons(self) -> Mapping[str, Comparison]:
        """The comparisons of the files that have changed and can be compared."""
        return {
            path: compare(file.old, file.new, self.orders(path))
            for path, file in self.files.items()
            if file.old and file.new and file.is_comparable and not file.is_unchanged and not file.is_unloaded
        }

    def orders(self, path: str) -> Callable[[Item], bool]:
        """Return the rule for which imports of a file run code of the application: their order matters."""
        return lambda item: bool(self.application_imports(item, path))

    def application_imports(self, item: Item, path: str) -> frozenset[str]:
        """The files of the application that a statement imports."""
        return frozenset(file for found in item.imports for file in self.modules.imported(found, path))

    @cached_property
    def units(self) -> list[Unit]:
        """All code that both versions have, in files that were loaded."""
        return [unit for file in self.files.values() if file.ran for unit in self._units(file)]

    def _units(self, file: SourceFile) -> Iterator[Unit]:
        if file.is_unchanged and file.old:
            items: Iterable[Item] = file.old.all_items
            functions: Iterable[Function] = file.old.functions
        elif file.path in self.comparisons:
            comparison = self.comparisons[file.path]
            items, functions = comparison.unchanged_items(), comparison.unchanged_functions()
        else:
            return
        owners = {id(item): scope.name for side in self.sides(file.path) for scope in side.classes
                  for item in scope.items}  # fmt: skip
        for item in items:
            yield Unit(file.path, item.mentions, True, 0, item, owners.get(id(item), ""), item.imports)
        for function in functions:
            at_start = bool(function.own_lines & file.ambient)
            yield Unit(file.path, function.mentions, at_start, function.own_lines, imports=function.imports)

    @cached_property
    def families(self) -> ClassFamilies:
        """The classes of both versions."""
        return ClassFamilies(
            (scope, MeasuredBases(path, self.modules, self.sides))
            for path in self.files
            for side in self.sides(path)
            for scope in side.classes
        )

    @cached_property
    def subclass_hooks(self) -> frozenset[str]:
        """The classes that are called when a class inherits from them."""
        return frozenset(
            function.owner
            for path in self.files
            for side in self.sides(path)
            for function in side.functions
            if function.name.endswith(".__init_subclass__")
        )

    @cached_property
    def foreign_fields(self) -> frozenset[str]:
        """The names in classes of other packages, such as schemas, which read them from objects of other classes."""
        return frozenset(
            name
            for path in self.files
            for side in self.sides(path)
            for scope in side.classes
            if self.families.is_foreign(scope.name)
            for item in scope.items
            if item.kind == "statement"
            for name in item.names
        )

    def overridden(self, owner: str, name: str) -> Reach:
        """The tests that ran a method of this name of a related class; what calls it may mention it nowhere."""
        family = self.families.of(owner)
        return united(
            Reach.ALL if self.starts(function, path) else Reach.of_lines(path, function.own_lines)
            for path, file in self.files.items()
            for function in (file.old.functions if file.old else ())
            if function.simple_name == name and function.owner in family
        )

    def is_read_at_creation(self, class_name: str) -> bool:
        """True if code may read the attributes of a class when it is created, as a metaclass does; "" is no class."""
        hooked = self.families.of(class_name) & self.subclass_hooks
        return bool(class_name) and (bool(hooked) or self.families.is_foreign(class_name))

    def starts(self, function: Function, path: str) -> bool:
        """True if a function ran outside of tests, such as at start-up."""
        return bool(function.own_lines & self.files[path].ambient)

    def dependents(self, path: str) -> frozenset[str]:
        """The file, and those that import it, directly or not."""
        return closure(self.importers, path)

    @cached_property
    def reads_docstrings(self) -> bool:
        """True if the application, or a package that it imports, may use docstrings."""
        imported = {found.module.partition(".")[0].lower() for path in self.files for side in self.sides(path)
                    for found in imports_of(side)}  # fmt: skip
        if imported & _READS_DOCSTRINGS or any(part in package for package in imported for part in _DOCSTRING_READERS):
            return True
        return any(
            not _READS_DOCSTRINGS.isdisjoint(mentions.names | mentions.attributes | mentions.words)
            for path in self.files
            for side in self.sides(path)
            for mentions in mentions_of(side)
        )

    def with_attribute(self, name: str) -> tuple[list[Unit], Reach]:
        """The start-up code that may read an attribute, and the tests that ran other code that may."""
        return self._observers(lambda unit: _reads_attribute(unit, name))

    def with_global(self, name: str, path: str) -> tuple[list[Unit], Reach]:
        """The start-up code that may look up a global of a module, and the tests that ran other code that may."""
        dependents = self.dependents(path)

        def may_look_up(unit: Unit) -> bool:
            lists_names = unit.item and unit.item.names == {"__all__"}
            return looks_up(unit, name, path, dependents) and not (lists_names and not self.star_importers(path))

        return self._observers(may_look_up)

    def shape_readers(self) -> tuple[list[Unit], Reach]:
        """The start-up code that reads arguments of functions or fields of classes, and the tests that ran other."""
        return self._observers(lambda unit: unit.mentions.reads_shapes)

    def _observers(self, mentions: Callable[[Unit], bool]) -> tuple[list[Unit], Reach]:
        found = [unit for unit in self.units if mentions(unit)]
        reach = united(Reach.of_lines(unit.path, unit.own_lines) for unit in found if not unit.at_start)
        return [unit for unit in found if unit.at_start], reach

    def star_importers(self, path: str) -> frozenset[str]:
        """The files that import all names of a module."""
        return frozenset(
            other
            for other in self.files
            for side in self.sides(other)
            for found in imports_of(side)
            if found.name == "*" and path in self.modules.imported(found, other)
        )

    def escapes(self, path: str) -> str:
        """Return the reason for which code that is not known may read any global of a module; empty if none may."""
        if _CONFIGURATION.search(path):
            return "it may be read as a configuration"
        if self.files[path].ambient and not self.importers.get(path):
            return "it is not known which code imports the module"
        for unit in self.units:
            if unit.at_start and self._passes_module(unit, path):
                return f"start-up code in {unit.path} uses the module as a whole"
        return ""

    def _passes_module(self, unit: Unit, path: str) -> bool:
        if any(path in self.modules.in_text(text, unit.path) for text in unit.mentions.dotted):
            return unit.path != path
        return bool(unit.mentions.bare & self._aliases(unit.path, path))

    def _aliases(self, importer: str, path: str) -> frozenset[str]:
        """The names under which a file has a module."""
        if importer not in self.importers.get(path, ()):
            return frozenset()
        return frozenset(
            alias
            for side in self.sides(importer)
            for found in imports_of(side)
            for alias in self._module_aliases(found, importer, path)
        )

    def _module_aliases(self, found: Import, importer: str, path: str) -> Iterator[str]:
        if path not in self.modules.imported(found, importer):
            return
        if not found.name:
            parts = found.module.split(".")
            yield from (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            yield found.bound
        elif path not in self.modules.imported(Import(found.level, found.module, "", ""), importer):
            yield found.bound


# Parts of the names of packages that make documentation from docstrings, and names with which these are read.
_DOCSTRING_READERS = ("swag", "openapi", "apispec", "smorest", "restx", "apifairy", "spectree", "docopt", "flasgger")
_READS_DOCSTRINGS = frozenset({"__doc__", "getdoc", "inspect", "pydoc", "cleandoc", "signature", "getsource"})


def imports_of(module: Module) -> Iterator[Import]:
    """All imports in a file, in functions too."""
    for item in module.all_items:
        yield from item.imports
    for function in module.functions:
        yield from function.imports


def mentions_of(module: Module) -> Iterator[Mentions]:
    """The mentions of all code in a file."""
    yield from (item.mentions for item in module.all_items)
    yield from (function.mentions for function in module.functions)


def looks_up(unit: Unit, name: str, path: str, dependents: Collection[str], *, declared: bool = True) -> bool:
    """True if code may look up a global of the module at ``path``, whose dependents are given."""
    found = unit.mentions
    if unit.path == path:
        return name in found.names or name in found.words or (declared and name in found.declared) or found.reflects
    if unit.path in dependents:
        mentioned = name in found.names or name in found.attributes or name in found.words
        return mentioned or (declared and name in found.declared) or found.reflects
    return any(re.search(rf"[.:]{re.escape(name)}$", text) for text in found.dotted)


def _reads_attribute(unit: Unit, name: str) -> bool:
    found = unit.mentions
    in_class = bool(unit.class_name) and name in found.names | found.declared
    return name in found.attributes or name in found.words or in_class or found.reflects
