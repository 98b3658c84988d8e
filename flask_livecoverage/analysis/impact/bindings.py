"""The names that statements bind: those that they may bind, and those that are bound for sure after them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .fingerprint import FunctionNode

# Attributes of a property that decorate further functions.
PROPERTY_PARTS = frozenset({"setter", "getter", "deleter"})
_PROPERTIES = frozenset({"property", *PROPERTY_PARTS})
# Bound by the import that leaves annotations as texts.
TEXT_ANNOTATIONS = "__future__.annotations"


def simple_name(node: ast.expr) -> str:
    """The last part of a name, ``lru_cache`` of ``functools.lru_cache(maxsize=9)``; empty for other expressions."""
    if isinstance(node, ast.Call):
        return simple_name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def is_for_type_checking(statement: ast.stmt) -> bool:
    """True for ``if TYPE_CHECKING:``, whose body never runs."""
    return isinstance(statement, ast.If) and simple_name(statement.test) == "TYPE_CHECKING"


def bound_names(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement may bind in its scope, in all of its branches that can run."""
    if isinstance(statement, ast.If) and is_for_type_checking(statement):
        return frozenset(name for inner in statement.orelse for name in _bound(inner))
    return frozenset(_bound(statement))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, FunctionNode | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _imported(node)
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


# For sure


def bound_after(statements: Iterable[ast.stmt]) -> frozenset[str]:
    """The names that are bound for sure when statements have run."""
    known: set[str] = set()
    for statement in statements:
        bind(known, statement)
    return frozenset(known)


def bind(known: set[str], statement: ast.stmt) -> None:
    """Add the names that a statement binds whatever happens to ``known``, and take away those that it may delete.

    A property also binds the dotted names of its parts, such as ``total.setter``.
    """
    known -= set(_unbound(statement))
    # A name with another value has none of the former's parts.
    known -= {f"{name}.{part}" for name in bound_names(statement) for part in PROPERTY_PARTS}
    known |= set(_surely_bound(statement))


def _surely_bound(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, FunctionNode | ast.ClassDef):
        yield statement.name
        if any(simple_name(decorator) in _PROPERTIES for decorator in statement.decorator_list):
            yield from (f"{statement.name}.{part}" for part in PROPERTY_PARTS)
    elif isinstance(statement, ast.Import | ast.ImportFrom):
        yield from _imported(statement)
        if getattr(statement, "module", "") == "__future__":
            yield from (f"__future__.{alias.name}" for alias in statement.names)
    elif isinstance(statement, ast.Assign):
        yield from (name for target in statement.targets for name in _bound(target))
    elif isinstance(statement, ast.AnnAssign) and statement.value:
        yield from _bound(statement.target)
    elif isinstance(statement, ast.If):
        chosen = bound_after(statement.orelse)
        yield from chosen if is_for_type_checking(statement) else chosen & bound_after(statement.body)
    elif isinstance(statement, ast.Try):
        yield from _bound_by_try(statement)


def _bound_by_try(statement: ast.Try) -> frozenset[str]:
    found = bound_after([*statement.body, *statement.orelse])
    for handler in statement.handlers:
        if not isinstance(handler.body[-1], ast.Raise):
            found &= bound_after(handler.body)
    return found | bound_after(statement.finalbody)


def _unbound(node: ast.AST) -> Iterator[str]:
    """The names that may be deleted; that of a caught exception is, at the end."""
    if isinstance(node, FunctionNode | ast.ClassDef | ast.Lambda):
        return
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del):
        yield node.id
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    for child in ast.iter_child_nodes(node):
        yield from _unbound(child)
