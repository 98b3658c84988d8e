"""Whether an import succeeds for sure, and whether a name has the value that the code around it needs."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from .blocks import Item, Module
from .imports import Import
from .needs import Need
from .program import Kind, Program

_GENERIC = frozenset({"list", "dict", "tuple", "set", "frozenset", "type"})
# The names of ``typing`` by the number of arguments that they accept.
_TYPING = ("typing", "typing_extensions")
_ONE = frozenset(
    {"Optional", "List", "Set", "FrozenSet", "Type", "Iterable", "Iterator", "Sequence", "Collection", "Awaitable",
     "ClassVar", "Final", "Required", "NotRequired", "Deque", "AsyncIterator", "AsyncIterable", "Container"}
)  # fmt: skip
_TWO = frozenset({"Dict", "Mapping", "MutableMapping", "DefaultDict", "OrderedDict"})
_SOME = frozenset({"Union", "Tuple"})


@dataclass(frozen=True)
class Availability:
    """The names that the modules of a program, with their present contents, and installed ones provide."""

    program: Program

    def has(self, found: Import, path: str) -> bool:
        """True if an import at the top of the file at ``path`` succeeds for sure."""
        if self.program.modules.imported(found, path):
            return bool(self.kind(found, path))
        known = self._everywhere | self._own(path)
        return found.target in known or bool(self.kind(found, path))

    def meets(self, need: Need, module: Module, path: str) -> bool:
        """True if a name has the value that code of ``module``, at ``path``, needs for sure."""
        root, _, rest = need.name.partition(".")
        bound = [item for item in module.items if root in item.names]
        if not bound:
            return not rest and self._is_builtin(need)
        if len(bound) > 1:
            return False
        if bound[0].scope:
            return not rest and need.use != "generic"
        found = next((one for one in bound[0].imports if one.bound == root), None)
        target = found and _target(found, rest)
        if not target:
            return False
        if need.use == "generic":
            return _accepts(target, need.arguments)
        return self.kind(target, path) in (("class",) if need.use == "type" else ("class", "other"))

    @staticmethod
    def _is_builtin(need: Need) -> bool:
        if need.use == "generic":
            return need.name in _GENERIC
        return isinstance(getattr(builtins, need.name, None), type)

    def kind(self, found: Import, path: str) -> Kind:
        """The kind of thing that an import of the file at ``path`` imports, as far as that is known."""
        files = self.program.modules.imported(found, path)
        if not files:
            return self.program.installed_names(found.module, found.name) if not found.level else ""
        kinds = {self._kind_at(base, found, path) for base in self._folders(found, path)} - {""}
        return kinds.pop() if len(kinds) == 1 else ""

    def _folders(self, found: Import, path: str) -> Iterator[str]:
        """The folders in which an import looks for its module."""
        if not found.level:
            yield from self._roots
            return
        folders = path.split("/")[:-1]
        packages = len(self.program.modules.name(path).split(".")) - (not path.endswith("__init__.py"))
        if found.level <= max(packages, self._known_level(path)):
            yield "/".join(folders[: len(folders) - found.level + 1])

    def _known_level(self, path: str) -> int:
        return max((level for level, _, _ in self._own(path)), default=0)

    def _kind_at(self, folder: str, found: Import, path: str) -> Kind:
        parts = list(filter(None, [folder, *found.module.split(".")]))
        module = self._file("/".join(parts))
        if found.name and self._file("/".join([*parts, found.name])):
            return "other"
        if module is None:
            return ""
        if not found.name:
            return "other"
        # In a circle of imports, the name may not be bound yet.
        if module in self.program.dependents(path) and found.target not in self._own(path):
            return ""
        content = self.program.files[module].new
        assert content is not None
        if found.name not in content.bound:
            return ""
        return "class" if any(one.name == found.name for one in content.classes) else "other"

    def _file(self, place: str) -> str | None:
        """The file of a module, given without its ending; None if there is none."""
        for path in (f"{place}.py", f"{place}/__init__.py".lstrip("/")):
            file = self.program.files.get(path)
            if file and file.new and not file.new.broken:
                return path
        return None

    @cached_property
    def _roots(self) -> frozenset[str]:
        """The folders from which the application imports its modules by their whole names."""
        found = set()
        for path, item in self._items():
            for one in item.imports:
                files = self.program.modules.named(one.module) if not one.level else ()
                loaded = [file for file in files if self.program.files[file].ran]
                if path not in self.program.clients and len(loaded) == 1:
                    found.add(_root(loaded[0], one.module))
        return frozenset(found)

    def _items(self) -> Iterator[tuple[str, Item]]:
        return ((unit.path, unit.item) for unit in self.program.units if unit.item and unit.item.kind == "import")

    @cached_property
    def _everywhere(self) -> frozenset[tuple[int, str, str]]:
        """The imports of other packages that succeeded when the run was recorded, and are there still."""
        return frozenset(
            one.target
            for path, item in self._items()
            for one in item.imports
            if not one.level and not self.program.modules.imported(one, path)
        )

    def _own(self, path: str) -> frozenset[tuple[int, str, str]]:
        """The imports at the top of the file at ``path`` when it was recorded."""
        file = self.program.files[path]
        items = file.old.items if file.old and file.ran else ()
        return frozenset(one.target for item in items if item.kind == "import" for one in item.imports)


def _target(found: Import, rest: str) -> Import | None:
    """The import that would give the value of a dotted name whose first part ``found`` binds."""
    if not rest:
        return found if found.name else None
    if found.name:
        # It may be a module.
        module = f"{found.module}.{found.name}".lstrip(".")
        return Import(found.level, module, rest, rest) if "." not in rest else None
    if not found.binds_outermost:
        return Import(0, found.module, rest, rest) if "." not in rest else None
    owner, _, name = f"{found.bound}.{rest}".rpartition(".")
    return Import(0, owner, name, name) if f"{found.module}.".startswith(f"{owner}.") else None


def _accepts(target: Import, arguments: int) -> bool:
    if target.module == "collections.abc":
        return arguments > 0 and target.name != "Callable"
    if target.module not in _TYPING:
        return False
    if target.name == "Literal":
        return True
    if target.name in _ONE:
        return arguments == 1
    return arguments == 2 if target.name in _TWO else target.name in _SOME and arguments > 0


def _root(path: str, module: str) -> str:
    parts = path.split("/")
    length = len(module.split(".")) + (parts[-1] == "__init__.py")
    return "/".join(parts[:-length])
