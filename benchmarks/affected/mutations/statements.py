"""Mutations of statements: returns, deleted, added, moved and swapped ones, loops and handlers."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from .tree import FUNCTIONS, Edit, Source, indent_of, is_docstring

BODIES = ("body", "orelse", "finalbody")


def returns(source: Source) -> Iterator[Edit]:
    """Another value is returned, or earlier."""
    for node in source.walk(ast.Return):
        assert isinstance(node, ast.Return)
        if node.value is not None:
            yield source.replace(node, "return None", "returns None")
            yield source.replace(node.value, f"(not ({source.text(node.value)}))", "returns the opposite")
    for function in source.functions():
        first = function.body[1] if is_docstring(function.body[0]) and len(function.body) > 1 else function.body[0]
        if first.lineno > function.lineno:
            yield source.insert(first.lineno, f"{indent_of(first)}return None\n", "returns at once")


def deletions(source: Source) -> Iterator[Edit]:
    """A statement of a function is deleted."""
    for body in _bodies_of_functions(source):
        for node in body:
            if not isinstance(node, ast.Pass) and not is_docstring(node):
                yield _replaced(source, node, "pass", "deleted statement")


def additions(source: Source) -> Iterator[Edit]:
    """A statement is added to a function."""
    for body in _bodies_of_functions(source):
        node = body[-1]
        if node.lineno == getattr(source.parents[node], "lineno", 0):
            continue
        indent = indent_of(node)
        yield source.insert(node.lineno, f'{indent}raise RuntimeError("planted")\n', "added raise")
        yield source.insert(node.lineno, f"{indent}planted = 1\n", "added statement without effect")
        for name in _local_names(source, node):
            yield source.insert(node.lineno, f"{indent}{name} = None\n", "added assignment")


def orders(source: Source) -> Iterator[Edit]:
    """Two statements of a function are swapped, or one leaves its block."""
    for body in _bodies_of_functions(source):
        for first, second in pairwise(body):
            if first.end_lineno is not None and first.end_lineno < second.lineno and not is_docstring(first):
                yield _swapped(source, first, second)
        parent = source.parents[body[0]]
        if isinstance(parent, ast.If | ast.For | ast.While | ast.With) and len(body) > 1:
            node = body[-1]
            if body is parent.body and not getattr(parent, "orelse", None):
                text = "".join(line.removeprefix("    ") for line in source.block_text(node).splitlines(keepends=True))
                yield Edit(*source.block(node), text, f"line {node.lineno}: left its block")


def loops(source: Source) -> Iterator[Edit]:
    """A loop leaves out its first round, or ends otherwise; a handler handles another error."""
    for node in source.walk(ast.For, ast.Break, ast.Continue, ast.ExceptHandler):
        if isinstance(node, ast.For):
            yield source.replace(node.iter, f"list({source.text(node.iter)})[1:]", "loop without its first round")
            yield source.replace(node.iter, "()", "loop without rounds")
        elif isinstance(node, ast.Break):
            yield source.replace(node, "continue", "continues")
        elif isinstance(node, ast.Continue):
            yield source.replace(node, "break", "breaks")
        elif isinstance(node, ast.ExceptHandler) and node.type is not None:
            yield source.replace(node.type, "NotImplementedError", "handles another error")
            yield source.replace(node.type, "Exception", "handles all errors")


def comments(source: Source) -> Iterator[Edit]:
    """A comment or empty lines, which change nothing."""
    for node in source.walk(ast.stmt):
        assert isinstance(node, ast.stmt)
        indent = indent_of(node)
        # A text of several lines begins at its line's start; only statements are passed here.
        if node.lineno > 1 and not source.is_within(node, (ast.JoinedStr,)) and _begins_its_line(source, node):
            yield source.insert(node.lineno, f"{indent}# A remark.\n", "comment")
            yield source.insert(node.lineno, "\n", "empty line")


def docstrings(source: Source) -> Iterator[Edit]:
    """Another docstring."""
    for node in source.walk(ast.Expr):
        if is_docstring(node):
            yield source.replace(node, '"""Another text."""', "docstring")


def _bodies_of_functions(source: Source) -> Iterator[list[ast.stmt]]:
    """Each list of statements within functions."""
    for node in ast.walk(source.tree):
        if isinstance(node, FUNCTIONS) or (isinstance(node, ast.stmt) and source.is_within(node, FUNCTIONS)):
            for name in BODIES:
                body = getattr(node, name, None)
                if body:
                    yield body


def _local_names(source: Source, node: ast.stmt) -> list[str]:
    parent: ast.AST | None = node
    while parent is not None and not isinstance(parent, FUNCTIONS):
        parent = source.parents.get(parent)
    assert isinstance(parent, FUNCTIONS)
    return [argument.arg for argument in parent.args.args if argument.arg not in ("self", "cls")]


def _begins_its_line(source: Source, node: ast.stmt) -> bool:
    start = source.block(node)[0]
    return not source.data[start : start + node.col_offset].strip()


def _replaced(source: Source, node: ast.stmt, text: str, title: str) -> Edit:
    start, end = source.block(node)
    begin, finish = source.span(node)
    # Decorators go with their function.
    begin = start + node.col_offset if getattr(node, "decorator_list", []) else begin
    return Edit(begin, min(finish, end), text, f"line {node.lineno}: {title}")


def _swapped(source: Source, first: ast.stmt, second: ast.stmt) -> Edit:
    start, middle = source.block(first)
    begin, end = source.block(second)
    between = source.data[middle:begin].decode()
    text = source.block_text(second) + between + source.block_text(first)
    return Edit(start, end, text, f"line {first.lineno}: swapped with the next statement")
