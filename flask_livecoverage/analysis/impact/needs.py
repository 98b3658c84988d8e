"""The parts of annotations, decorators and base classes that must have a certain value, or else start-up fails.

That a name is bound is checked in ``effects``. Here it is its value: a module must have an attribute, what is
subscripted must be generic, and the sides of ``|`` must be types.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from .bindings import PROPERTY_PARTS, TEXT_ANNOTATIONS, is_for_type_checking, simple_name
from .fingerprint import FunctionNode
from .mentions import dotted_name


@dataclass(frozen=True)
class Need:
    """A name, which may be dotted, and what must be possible with its value.

    ``arguments`` are those of a generic type; -1 if only some accept them, such as ``Literal``.
    """

    name: str
    use: Literal["value", "type", "generic"] = "value"
    arguments: int = 0


def needs_of(statement: ast.stmt, known: Collection[str]) -> Iterator[Need]:
    """The needs of a statement of a module or class when it runs; ``known`` are the names that are bound before it."""
    has_texts = TEXT_ANNOTATIONS in known
    if isinstance(statement, FunctionNode | ast.ClassDef):
        yield from _of_decorators(statement.decorator_list)
    if isinstance(statement, FunctionNode) and not has_texts:
        yield from _of_annotations(annotations_of(statement))
    elif isinstance(statement, ast.ClassDef):
        yield from (Need(name, "type") for base in statement.bases if (name := dotted_name(base)))
    elif isinstance(statement, ast.AnnAssign) and not has_texts:
        yield from _of_annotations([statement.annotation])
    for inner in _inner(statement):
        yield from needs_of(inner, known)


def _inner(statement: ast.stmt) -> Iterator[ast.stmt]:
    """The statements within a condition, and those of classes that are defined there."""
    if isinstance(statement, ast.If):
        blocks = [[] if is_for_type_checking(statement) else statement.body, statement.orelse]
    elif isinstance(statement, ast.Try):
        handlers = [handler.body for handler in statement.handlers]
        blocks = [statement.body, *handlers, statement.orelse, statement.finalbody]
    else:
        return
    for inner in chain.from_iterable(blocks):
        yield inner
        if isinstance(inner, ast.ClassDef):
            yield from inner.body


def annotations_of(function: FunctionNode) -> Iterator[ast.expr]:
    """The annotations of a function's arguments and of what it returns."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    yield from filter(None, [*(argument.annotation for argument in listed if argument), function.returns])


def _of_decorators(decorators: Iterable[ast.expr]) -> Iterator[Need]:
    for decorator in decorators:
        if isinstance(decorator, ast.Attribute) and simple_name(decorator) not in PROPERTY_PARTS:
            yield Need(dotted_name(decorator))


def _of_annotations(annotations: Iterable[ast.expr]) -> Iterator[Need]:
    for annotation in annotations:
        yield from _of_annotation(annotation)


def _of_annotation(node: ast.expr) -> Iterator[Need]:
    if isinstance(node, ast.Attribute):
        yield Need(dotted_name(node))
    elif isinstance(node, ast.Subscript):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        name = dotted_name(node.value)
        yield Need(name, "generic", len(parts) if all(map(_is_type, parts)) else -1)
        yield from _of_annotations(parts)
    elif isinstance(node, ast.BinOp):
        yield from _of_union([node.left, node.right])
    elif isinstance(node, ast.Tuple | ast.List):
        yield from _of_annotations(node.elts)


def _of_union(sides: Iterable[ast.expr]) -> Iterator[Need]:
    for side in sides:
        if isinstance(side, ast.Name | ast.Attribute):
            yield Need(dotted_name(side), "type")
        else:
            yield from _of_annotation(side)


def _is_type(node: ast.expr) -> bool:
    """True for what any generic type accepts."""
    if isinstance(node, ast.Constant):
        return node.value is None or isinstance(node.value, str)
    return not isinstance(node, ast.Tuple | ast.List)
