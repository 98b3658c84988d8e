"""Mutations of functions: decorators, default arguments, signatures, routes, new functions, other places."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise

from .expressions import other_values
from .tree import FUNCTIONS, Edit, Function, Source, indent_of

# Common decorators that an application may add; those that fail keep it from starting.
ADDED = (
    "staticmethod",
    "classmethod",
    "property",
    "lambda function: function",
    "lambda function: lambda *a, **k: None",
)


def decorators(source: Source) -> Iterator[Edit]:
    """A decorator is removed, added, swapped with the next, or gets another argument."""
    used = sorted({source.text(item) for node in source.functions() for item in node.decorator_list})
    for node in [*source.functions(), *source.classes()]:
        yield from _removed_and_swapped(source, node)
        for item in node.decorator_list:
            yield from _other_arguments(source, item)
    for node in source.functions():
        for text in (*ADDED, *(text for text in used if "(" not in text)):
            first = source.block(node)[0]
            line = f"{indent_of(node)}@{text}\n"
            yield Edit(first, first, line, f"line {node.lineno}: decorator added")
            if node.decorator_list:
                yield source.insert(node.lineno, line, "inner decorator added")


def _removed_and_swapped(source: Source, node: Function | ast.ClassDef) -> Iterator[Edit]:
    items = node.decorator_list
    for item in items:
        assert item.end_lineno is not None
        start, end = source.line_start(item.lineno), source.line_start(item.end_lineno + 1)
        yield Edit(start, end, "", f"line {item.lineno}: decorator removed")
    for first, second in pairwise(items):
        start, end = source.span(first)[0], source.span(second)[1]
        indent = indent_of(node)
        text = f"{source.text(second)}\n{indent}@{source.text(first)}"
        yield Edit(start, end, text, f"line {first.lineno}: decorators swapped")


def _other_arguments(source: Source, item: ast.expr) -> Iterator[Edit]:
    for node in ast.walk(item):
        if isinstance(node, ast.Constant):
            for value in other_values(node.value):
                yield source.replace(node, repr(value), "decorator's argument")


def defaults(source: Source) -> Iterator[Edit]:
    """Another default argument, or one more."""
    for function in source.functions():
        arguments = function.args
        for node in [*arguments.defaults, *(item for item in arguments.kw_defaults if item is not None)]:
            values = other_values(node.value) if isinstance(node, ast.Constant) else (None,)
            yield from (source.replace(node, repr(value), "default argument") for value in values)
        if arguments.args and not arguments.defaults:
            last = arguments.args[-1]
            yield source.replace(last, f"{source.text(last)}=None", "default argument added")
        if arguments.defaults and len(arguments.defaults) == 1:
            last = arguments.args[-1]
            yield Edit(
                source.span(last)[0],
                source.span(arguments.defaults[0])[1],
                source.text(last),
                f"line {last.lineno}: default argument removed",
            )


def signatures(source: Source) -> Iterator[Edit]:
    """Two parameters are swapped, one is renamed or added."""
    for function in source.functions():
        arguments = [item for item in function.args.args if item.arg not in ("self", "cls")]
        for first, second in pairwise(arguments):
            start, middle = source.span(first)
            begin, end = source.span(second)
            between = source.data[middle:begin].decode()
            text = f"{source.text(second)}{between}{source.text(first)}"
            yield Edit(start, end, text, f"line {first.lineno}: parameters swapped")
        for item in arguments:
            yield source.replace(item, f"{item.arg}_planted", "parameter renamed")
            yield source.replace(item, f"planted, {source.text(item)}", "parameter added")


def routes(source: Source) -> Iterator[Edit]:
    """Two decorated functions are reordered, or a route is added that may win."""
    functions = [node for node in source.tree.body if isinstance(node, FUNCTIONS) and node.decorator_list]
    for first in functions:
        for second in functions:
            if second.lineno > first.lineno:
                yield _reordered(source, first, second)
    for node in functions:
        yield from _added_routes(source, node)


def _reordered(source: Source, first: Function, second: Function) -> Edit:
    start, middle = source.block(first)
    begin, end = source.block(second)
    between = source.data[middle:begin].decode()
    text = source.block_text(second) + between + source.block_text(first)
    return Edit(start, end, text, f"lines {first.lineno}, {second.lineno}: reordered")


def _added_routes(source: Source, node: Function) -> Iterator[Edit]:
    for item in node.decorator_list:
        if not (isinstance(item, ast.Call) and isinstance(item.func, ast.Attribute) and item.args):
            continue
        text = source.text(item)
        start, end = source.block(node)
        for new in (text, re.sub(r"<(\w+:)?(\w+)>", r"<path:\2>", text), re.sub(r"<(\w+:)?\w+>", "3", text)):
            function = f"@{new}\ndef planted_route(**values):\n    return 'planted'\n\n\n"
            yield Edit(start, start, function, f"line {node.lineno}: route added before")
            yield Edit(end, end, f"\n\n{function}", f"line {node.lineno}: route added after")


def moved(source: Source) -> Iterator[Edit]:
    """A function or class is moved to another place of its module or class."""
    for node in [*source.functions(), *source.classes()]:
        body = getattr(source.parents[node], "body", [])
        for other in body:
            if other is not node and other.lineno > node.lineno and isinstance(other, ast.stmt):
                start, middle = source.block(node)
                end = source.block(other)[1]
                text = source.data[middle:end].decode()
                text += ("" if text.endswith("\n") else "\n") + "\n" + source.block_text(node)
                yield Edit(start, end, text, f"line {node.lineno}: moved behind line {other.lineno}")


def additions(source: Source) -> Iterator[Edit]:
    """A new function: at the end, at the beginning, in a function, or with the name of another."""
    last = source.lines + 1
    plain = "\n\ndef planted_function(value):\n    return value\n"
    yield source.insert(last, plain, "new function")
    yield source.insert(last, "\n\nclass PlantedClass:\n    value = 1\n", "new class")
    yield source.insert(
        last, f"\n\n@print{plain.removeprefix(chr(10))}".replace("@print\n\n", "@callable\n"), "decorated"
    )
    for node in source.functions():
        indent = indent_of(node)
        returned = f"{indent}def {node.name}(*values, **named):\n{indent}    return None\n"
        yield Edit(source.block(node)[1], source.block(node)[1], f"\n{returned}", f"line {node.lineno}: defined again")
        yield Edit(source.block(node)[0], source.block(node)[0], f"{returned}\n", f"line {node.lineno}: defined before")
        inner = indent + "    "
        first = node.body[0]
        if first.lineno > node.lineno:
            nested = f"{inner}def planted(value):\n{inner}    return value\n"
            yield source.insert(first.lineno, nested, "new nested function")
