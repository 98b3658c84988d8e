"""Mutations of modules: constants, shadowed names, imports."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator

from .classes import targets_of
from .expressions import other_values
from .tree import FUNCTIONS, Edit, Source


def constants(source: Source) -> Iterator[Edit]:
    """A constant of the module, or another statement at its level, is changed, removed, or assigned again."""
    last = source.lines + 1
    for node in source.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for inner in ast.walk(node):
            is_text = isinstance(inner, ast.Constant) and not source.is_within(inner, (ast.JoinedStr, *FUNCTIONS))
            if is_text and not (inner is getattr(node, "value", None) and isinstance(node, ast.Expr)):
                yield from (
                    source.replace(inner, repr(value), "module's constant") for value in other_values(inner.value)
                )
        if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            yield source.replace(node, "pass", "module's statement removed")
        for name in targets_of(node):
            yield source.insert(last, f"\n{name} = None\n", f"{name} assigned again")
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict | ast.List | ast.Tuple | ast.Set):
                yield from _without_a_part(source, node.value)


def _without_a_part(source: Source, value: ast.expr) -> Iterator[Edit]:
    parts = value.keys if isinstance(value, ast.Dict) else value.elts  # type: ignore[attr-defined]
    for index in range(len(parts)):
        changed = ast.parse(source.text(value), mode="eval").body
        for field in ("keys", "values", "elts"):
            if hasattr(changed, field):
                getattr(changed, field).pop(index)
        yield source.replace(
            value, ast.unparse(changed) if ast.unparse(changed) else "()", "part of a constant removed"
        )


def shadows(source: Source) -> Iterator[Edit]:
    """A name is bound that shadows a built-in, an import, or another name of the module."""
    loaded = {
        node.id for node in ast.walk(source.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    last, first = source.lines + 1, first_line(source)
    for name in sorted(loaded):
        function = f"def {name}(*values, **named):\n    return None\n"
        yield source.insert(last, f"\n\n{function}", f"{name} shadowed by a function at the end")
        yield source.insert(last, f"\n{name} = None\n", f"{name} shadowed at the end")
        yield source.insert(last, f"\n\nclass {name}:\n    pass\n", f"{name} shadowed by a class at the end")
        if hasattr(builtins, name):
            yield source.insert(first, f"\n\n{function}\n\n", f"{name} shadowed by a function")
    for node in source.functions():
        inner = node.body[0]
        own = {item.id for item in ast.walk(node) if isinstance(item, ast.Name) and isinstance(item.ctx, ast.Load)}
        if inner.lineno > node.lineno:
            indent = " " * inner.col_offset
            for name in sorted(own):
                yield source.insert(inner.lineno, f"{indent}{name} = None\n", f"{name} shadowed in a function")
    for node in source.classes():
        end = source.block(node)[1]
        indent = " " * (node.col_offset + 4)
        for name in sorted(loaded):
            yield Edit(end, end, f"\n{indent}{name} = None\n", f"line {node.lineno}: {name} bound in a class")


def first_line(source: Source) -> int:
    """The line after the imports."""
    lines = [
        node.end_lineno
        for node in source.tree.body
        if isinstance(node, ast.Import | ast.ImportFrom) and node.end_lineno is not None
    ]
    return max(lines, default=0) + 1


def imports(source: Source) -> Iterator[Edit]:
    """An import is removed, gets another name, is moved; or one is added."""
    for node in ast.walk(source.tree):
        if not isinstance(node, ast.Import | ast.ImportFrom) or any(
            alias.name == "annotations" for alias in node.names
        ):
            continue
        yield source.replace(node, "pass", "import removed")
        if isinstance(node, ast.ImportFrom) and node.names[0].name != "*":
            yield from _other_imports(source, node)
        if node.col_offset == 0:
            start, end = source.block(node)
            text = source.data[end:].decode()
            yield Edit(
                start, len(source.data), f"{text.rstrip()}\n{source.block_text(node)}", "import moved to the end"
            )
    last = source.lines + 1
    for text in (
        "import decimal",
        "from math import *",
        "from os import path as path",
        "from json import dumps as str",
        "import planted",
        "from math import planted",
    ):
        yield source.insert(first_line(source), f"{text}\n", "import added")
        yield source.insert(last, f"\n{text}\n", "import added at the end")


def _other_imports(source: Source, node: ast.ImportFrom) -> Iterator[Edit]:
    place = "." * node.level + (node.module or "")
    aliases = [(alias.name, alias.asname or alias.name) for alias in node.names]
    for index in range(len(aliases)):
        rest = aliases[:index] + aliases[index + 1 :]
        if rest:
            yield source.replace(node, _import(place, rest), "imports less")
        other = (aliases[index][0], f"{aliases[index][1]}_planted")
        yield source.replace(node, _import(place, [*rest, other]), "imports under another name")
    yield source.replace(node, _import(place, [*aliases, ("planted", "planted")]), "imports what is missing")
    if len(aliases) > 1:
        (first, second, *rest) = aliases
        swapped = [(first[0], second[1]), (second[0], first[1]), *rest]
        yield source.replace(node, _import(place, swapped), "imports swapped")
    yield source.replace(node, f"from {place} import *", "imports all")


def _import(place: str, aliases: list[tuple[str, str]]) -> str:
    return f"from {place} import " + ", ".join(
        name if name == other else f"{name} as {other}" for name, other in aliases
    )
