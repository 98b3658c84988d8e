"""The state outside of a function that it stores into: of modules, classes, objects and enclosing functions."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from .fingerprint import FunctionNode

# The root of what is stored in the class of a method, and in its object.
OF_CLASS, OF_OBJECT = "class of the method", "object of the method"

# Decorators that keep results, such as ``lru_cache``, ``memoize`` and ``cached_property``; the latter are about HTTP's.
_CACHE = re.compile(r"cache|memo(?!r)|lazy|reify|singleton|once(?![a-z])")
_NO_CACHE = re.compile(r"no_?cache|never_cache|cache_control")

# Methods that keep an argument.
_KEEPING = frozenset(
    {"append", "appendleft", "extend", "insert", "add", "update", "setdefault", "put", "put_nowait", "push", "set",
     "set_many", "get_or_set", "__setitem__"}
)  # fmt: skip
# What these return is a part of their object, or the object itself.
_PARTS = frozenset({"get", "setdefault", "__getitem__", "_get_current_object"})
_CLASSES = frozenset({"cls", "klass", "mcs", "metacls"})
# Databases: what tests leave behind there is no matter of code.
_DATABASES = frozenset({"session", "query"})


def is_cache(name: str) -> bool:
    """True if a decorator of this name keeps results, which tests use without running the function."""
    lower = name.lower()
    return bool(_CACHE.search(lower)) and not _NO_CACHE.search(lower)


def stores_in(function: FunctionNode) -> frozenset[str]:
    """The names, free in a function, of the objects in which it keeps more than constants."""
    return frozenset(_Stores(function).roots())


@dataclass(frozen=True)
class _Stores:
    function: FunctionNode

    def roots(self) -> Iterator[str]:
        for node in self._nodes:
            for target, values in _stored(node):
                root = self._root(target)
                if root and not all(isinstance(value, ast.Constant) for value in values):
                    yield root

    @cached_property
    def _nodes(self) -> list[ast.AST]:
        return list(_without_functions(self.function))

    def _root(self, node: ast.expr, seen: frozenset[str] = frozenset()) -> str:
        """The name by which an object is reached; empty if it belongs to this call of the function."""
        while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
            if isinstance(node, ast.Attribute) and node.attr in _DATABASES:
                return ""
            if isinstance(node, ast.Attribute) and node.attr == "__class__":
                return OF_CLASS
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Name) and node.func.id == "type":
                    return OF_CLASS
                if not (isinstance(node.func, ast.Attribute) and node.func.attr in _PARTS):
                    return ""
                node = node.func
            node = node.value
        if not isinstance(node, ast.Name) or node.id in seen:
            return ""
        return self._of_name(node.id, seen | {node.id})

    def _of_name(self, name: str, seen: frozenset[str]) -> str:
        if name in self._aliases:
            return next(filter(None, (self._root(value, seen) for value in self._aliases[name])), "")
        if name == self._first:
            return OF_CLASS if name in _CLASSES else OF_OBJECT if name == "self" else ""
        return "" if name in self._local else name

    @cached_property
    def _first(self) -> str:
        arguments = self.function.args
        return next((one.arg for one in (*arguments.posonlyargs, *arguments.args)), "")

    @cached_property
    def _local(self) -> frozenset[str]:
        arguments = self.function.args
        positional = [*arguments.posonlyargs, *arguments.args]
        # Their objects are made once, with the function.
        optional = positional[len(positional) - len(arguments.defaults) :]
        kept = {one.arg for one, default in zip(optional, arguments.defaults, strict=True) if _is_container(default)}
        listed = [*positional, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        found = {one.arg for one in listed if one} - kept
        outer = {name for node in self._nodes if isinstance(node, ast.Global | ast.Nonlocal) for name in node.names}
        stored = {node.id for node in self._nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
        return frozenset((found | stored) - outer)

    @cached_property
    def _aliases(self) -> Mapping[str, list[ast.expr]]:
        """The values of the local names."""
        found: dict[str, list[ast.expr]] = {}
        for node in self._nodes:
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.NamedExpr | ast.AnnAssign) else targets
            value = getattr(node, "value", None)
            for target in targets:
                if isinstance(target, ast.Name) and target.id in self._local and value is not None:
                    found.setdefault(target.id, []).append(value)
        return found


def _stored(node: ast.AST) -> Iterator[tuple[ast.expr, list[ast.expr]]]:
    """The objects that a statement or a call changes, with what it keeps there."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            for part in ast.walk(target):
                if isinstance(part, ast.Attribute | ast.Subscript) and isinstance(part.ctx, ast.Store):
                    yield part, [node.value, *_keys(part)]
    elif isinstance(node, ast.AugAssign | ast.AnnAssign) and isinstance(node.target, ast.Attribute | ast.Subscript):
        if node.value is not None:
            yield node.target, [node.value]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _KEEPING:
        yield node.func, [*node.args, *(keyword.value for keyword in node.keywords)]
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "setattr" and node.args:
        # As an attribute of the object.
        yield ast.Attribute(node.args[0], "", ast.Store()), node.args[1:]
    elif isinstance(node, ast.Nonlocal):
        for name in node.names:
            yield ast.Name(name, ast.Load()), [ast.Name(name, ast.Load())]


def _keys(target: ast.Attribute | ast.Subscript) -> list[ast.expr]:
    return [target.slice] if isinstance(target, ast.Subscript) else []


def _is_container(node: ast.expr) -> bool:
    return isinstance(node, ast.Dict | ast.List | ast.Set | ast.Call)


def _without_functions(function: FunctionNode) -> Iterator[ast.AST]:
    """All nodes in the body of a function, without those of functions and classes within it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, FunctionNode | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))
