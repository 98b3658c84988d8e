"""Finds the functions in a file and their lines."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from ..model.bitmap import to_bitmap
from .ast_guard import parsing

_FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a file.

    ``name`` is qualified (``Cart.total``). ``first_line`` is that of its decorators, as in a code object. ``body`` is
    the bitmap of the lines that run when it is called: without its ``def`` line, which runs when the module is
    imported, and without the bodies of nested functions, which are listed separately.
    """

    name: str
    first_line: int
    body: int


def functions_in(source: bytes) -> list[Function]:
    """Return the functions in a module's source, in the order of their lines; none if Python cannot parse it."""
    try:
        with parsing():
            module = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []
    return sorted(_functions(module, ""), key=lambda function: function.first_line)


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in _statements(node):
        name = f"{prefix}{child.name}" if isinstance(child, _FunctionNode | ast.ClassDef) else ""
        if isinstance(child, _FunctionNode):
            yield Function(name, _first_line(child), _own_lines(child))
        yield from _functions(child, f"{name}." if name else prefix)


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    # Without expressions, which define no functions, and can be nested deeper than Python recurses.
    return (child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr))


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _own_lines(function: _FunctionNode) -> int:
    lines = _body(function)
    for inner in _outermost_functions(function):
        lines &= ~_body(inner)
    return lines


def _body(function: _FunctionNode) -> int:
    last = function.end_lineno or function.lineno
    return to_bitmap(range(_first_line(function.body[0]), last + 1))


def _outermost_functions(node: ast.AST) -> Iterator[_FunctionNode]:
    for child in _statements(node):
        if isinstance(child, _FunctionNode):
            yield child
        else:
            yield from _outermost_functions(child)
