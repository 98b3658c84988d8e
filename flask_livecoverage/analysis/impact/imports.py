"""Which module a file is, which files a file imports, and which texts name modules."""

from __future__ import annotations

import ast
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from .fingerprint import FunctionNode

STANDARD_LIBRARY = sys.stdlib_module_names


@dataclass(frozen=True)
class Import:
    """One name of an import statement: ``name`` of ``module``, "*" for all; no name for ``import module``.

    ``bound`` is the name that it binds, if it binds one. ``level`` is the number of leading dots.
    """

    level: int
    module: str
    name: str
    bound: str

    @property
    def target(self) -> tuple[int, str, str]:
        """The imported thing, whatever name it is bound to."""
        return self.level, self.module, self.name

    @property
    def binds_outermost(self) -> bool:
        """True for ``import shop.models``, which binds the outermost package alone."""
        return not self.name and self.bound == self.module.partition(".")[0]


def imports_in(nodes: Iterable[ast.AST]) -> Iterator[Import]:
    """The imports among statements and within them, but for those in the bodies of functions defined there."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(0, alias.name, "", alias.asname or alias.name.partition(".")[0])
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                bound = "" if alias.name == "*" else alias.asname or alias.name
                yield Import(node.level, node.module or "", alias.name, bound)
        elif not isinstance(node, FunctionNode | ast.expr):
            yield from imports_in(ast.iter_child_nodes(node))


class Modules:
    """The modules that a set of files makes up. Paths have slashes."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = frozenset(paths)

    @cached_property
    def _by_name(self) -> Mapping[str, frozenset[str]]:
        found: dict[str, set[str]] = {}
        for path in self._paths:
            parts = _parts(path)
            for length in range(max(len(self.name(path).split(".")), 1), len(parts) + 1):
                found.setdefault(".".join(parts[-length:]), set()).add(path)
        return {name: frozenset(paths) for name, paths in found.items()}

    def name(self, path: str) -> str:
        """The dotted name of the module at ``path``, from the outermost folder that is a package."""
        parts = path.split("/")
        packages = 0
        while packages < len(parts) - 1 and "/".join([*parts[: len(parts) - 1 - packages], "__init__.py"]) in (
            self._paths
        ):
            packages += 1
        own = _parts(path)
        length = packages + (parts[-1] != "__init__.py")
        return ".".join(own[len(own) - length :])

    def named(self, name: str) -> frozenset[str]:
        """The files that ``import name`` could import."""
        return self._by_name.get(name, frozenset())

    def imported(self, found: Import, path: str) -> frozenset[str]:
        """The files that run for an import in the file at ``path``: the module, the one of that name, and packages."""
        modules = self._relative(found, path) if found.level else self._absolute(found, path)
        return frozenset(package for module in modules for package in self._with_packages(module))

    def in_text(self, text: str, path: str) -> frozenset[str]:
        """The files that a text names: ``shop.cart``, ``.cart``, ``shop.cart:total`` or ``shop.cart.total``."""
        bare = text.replace("/", ".").partition(":")[0]
        level = len(bare) - len(bare.lstrip("."))
        parts = bare.lstrip(".").split(".")
        for length in range(len(parts), 0, -1):
            name = ".".join(parts[:length])
            files = self._relative(Import(level, name, "", ""), path) if level else self.named(name)
            if files:
                return files
        return frozenset()

    def _absolute(self, found: Import, path: str) -> frozenset[str]:
        modules = self.named(found.module)
        # A script finds its neighbours.
        folder = path.rpartition("/")[0]
        modules |= self._at(folder, found.module.split("."))
        if found.name:
            modules |= self.submodule(found, path)
        return modules or self._nearest(found.module)

    def submodule(self, found: Import, path: str) -> frozenset[str]:
        """The files that an imported name can be, if it is a module and no attribute of one."""
        parts = [*filter(None, found.module.split(".")), found.name]
        if found.level:
            return self._at("/".join(path.split("/")[: -found.level]), parts)
        return self.named(".".join(parts)) | self._at(path.rpartition("/")[0], parts)

    def _nearest(self, name: str) -> frozenset[str]:
        # A package of which only the outer part is measured.
        while "." in name:
            name = name.rpartition(".")[0]
            if self.named(name):
                return self.named(name)
        return frozenset()

    def _relative(self, found: Import, path: str) -> frozenset[str]:
        folders = path.split("/")[: -found.level] if found.level else []
        folder = "/".join(folders)
        parts = list(filter(None, found.module.split(".")))
        modules = self._at(folder, parts)
        return modules | self.submodule(found, path) if found.name else modules

    def _at(self, folder: str, parts: list[str]) -> frozenset[str]:
        base = "/".join([folder, *parts] if folder else parts)
        return frozenset({f"{base}.py", f"{base}/__init__.py"} if base else {"__init__.py"}) & self._paths

    def _with_packages(self, path: str) -> Iterator[str]:
        yield path
        folders = path.split("/")[:-1]
        while folders:
            package = "/".join([*folders, "__init__.py"])
            if package in self._paths:
                yield package
            folders.pop()


def _parts(path: str) -> list[str]:
    parts = list(filter(None, path.split("/")))
    last = parts.pop() if parts else ""
    return parts if last == "__init__.py" else [*parts, last.removesuffix(".py")]


def closure(importers: Mapping[str, Collection[str]], path: str) -> frozenset[str]:
    """The module at ``path``, and all that import it, directly or not."""
    found = {path}
    waiting = [path]
    while waiting:
        new = set(importers.get(waiting.pop(), ())) - found
        found |= new
        waiting.extend(new)
    return frozenset(found)
