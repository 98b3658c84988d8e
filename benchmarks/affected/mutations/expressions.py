"""Mutations of expressions: operators, constants, calls, conditions."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator

from .tree import Edit, Source, is_docstring

COMPARED: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Lt: (ast.LtE, ast.Gt),
    ast.LtE: (ast.Lt, ast.GtE),
    ast.Gt: (ast.GtE, ast.Lt),
    ast.GtE: (ast.Gt, ast.LtE),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
}
COMPUTED: dict[type[ast.operator], tuple[type[ast.operator], ...]] = {
    ast.Add: (ast.Sub, ast.Mult),
    ast.Sub: (ast.Add,),
    ast.Mult: (ast.Add, ast.FloorDiv),
    ast.Div: (ast.Mult,),
    ast.FloorDiv: (ast.Mult, ast.Mod),
    ast.Mod: (ast.FloorDiv, ast.Add),
    ast.Pow: (ast.Mult,),
    ast.BitAnd: (ast.BitOr,),
    ast.BitOr: (ast.BitAnd,),
    ast.BitXor: (ast.BitAnd,),
}
RELATED = {
    "min": "max", "max": "min", "any": "all", "all": "any", "sorted": "list", "sum": "len", "upper": "lower",
    "lower": "upper", "append": "remove", "title": "upper", "startswith": "endswith", "split": "rsplit", "abs": "int",
    "fetchone": "fetchall", "strip": "lstrip", "items": "keys", "values": "keys", "get": "pop", "list": "tuple",
}  # fmt: skip


def operators(source: Source) -> Iterator[Edit]:
    """Another operator: ``==`` becomes ``!=``, ``+`` becomes ``-``, ``and`` becomes ``or``."""
    for node in source.walk(ast.Compare, ast.BinOp, ast.BoolOp, ast.UnaryOp, ast.AugAssign):
        for changed in _with_other_operator(node):
            text = ast.unparse(changed)
            yield source.replace(node, text if isinstance(node, ast.stmt) else f"({text})", "operator")


def _with_other_operator(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare):
        for operator in COMPARED[type(node.ops[0])]:
            yield _with(node, ops=[operator(), *node.ops[1:]])
    elif isinstance(node, ast.BinOp | ast.AugAssign):
        # A text is formatted with % and repeated with *: other operators fail, which is a mutation too.
        for other in COMPUTED.get(type(node.op), ()):
            yield _with(node, op=other())
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
        yield _with(node, values=node.values[:-1]) if len(node.values) > 2 else copy.deepcopy(node.values[0])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield copy.deepcopy(node.operand)


def _with(node: ast.AST, **fields: object) -> ast.AST:
    changed = copy.deepcopy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return ast.fix_missing_locations(changed)


def constants(source: Source) -> Iterator[Edit]:
    """Another constant: a number, a text, True or None, a part of an f-string."""
    for node in source.walk(ast.Constant):
        if not is_docstring(source.parents[node]):
            assert isinstance(node, ast.Constant)
            for value in other_values(node.value):
                yield source.replace(node, repr(value), "constant")
    for node in ast.walk(source.tree):
        if isinstance(node, ast.JoinedStr) and not source.is_within(node, (ast.JoinedStr,)):
            yield from _other_texts(source, node)


def other_values(value: object) -> tuple[object, ...]:
    """Values to take instead of one."""
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, int | float):
        return (value + 1, value - 1, 0) if value else (1,)
    if isinstance(value, str):
        return (value + "x", "", value.swapcase()) if value else ("x",)
    if isinstance(value, bytes):
        return (value + b"x",)
    return (0, "") if value is None else ()


def _other_texts(source: Source, node: ast.JoinedStr) -> Iterator[Edit]:
    for index, part in enumerate(node.values):
        if isinstance(part, ast.Constant):
            changed = copy.deepcopy(node)
            changed.values[index] = ast.Constant(f"{part.value}x")
            yield source.replace(node, ast.unparse(changed), "constant in an f-string")


def calls(source: Source) -> Iterator[Edit]:
    """Another call: an argument is left out, two are swapped, a related function is called."""
    for node in source.walk(ast.Call):
        assert isinstance(node, ast.Call)
        for changed in _other_calls(node):
            yield source.replace(node, ast.unparse(changed), "call")


def _other_calls(node: ast.Call) -> Iterator[ast.AST]:
    if node.args:
        yield _with(node, args=node.args[:-1])
        yield copy.deepcopy(node.args[0]) if not isinstance(node.args[0], ast.Starred) else node
    if len(node.args) > 1:
        yield _with(node, args=[node.args[1], node.args[0], *node.args[2:]])
    if node.keywords:
        yield _with(node, keywords=node.keywords[1:])
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    if name in RELATED:
        field = "id" if isinstance(node.func, ast.Name) else "attr"
        yield _with(node, func=_with(node.func, **{field: RELATED[name]}))


def conditions(source: Source) -> Iterator[Edit]:
    """A condition is turned round, or always or never holds."""
    for node in source.walk(ast.If, ast.IfExp, ast.While, ast.comprehension, ast.Assert):
        tests = node.ifs if isinstance(node, ast.comprehension) else [node.test]  # type: ignore[attr-defined]
        for test in tests:
            text = source.text(test)
            yield source.replace(test, f"(not ({text}))", "condition turned round")
            yield source.replace(test, "True", "condition always holds")
            yield source.replace(test, "False", "condition never holds")


def names(source: Source) -> Iterator[Edit]:
    """Another variable or attribute of the same function or class."""
    for function in source.functions():
        loaded = [
            node for node in ast.walk(function)
            if isinstance(node, ast.Name | ast.Attribute)
            and isinstance(node.ctx, ast.Load)
            and not source.is_within(node, (ast.JoinedStr,))
        ]  # fmt: skip
        local = sorted({node.arg for node in ast.walk(function.args) if isinstance(node, ast.arg)})
        attributes = sorted({node.attr for node in loaded if isinstance(node, ast.Attribute)})
        for node in loaded:
            if isinstance(node, ast.Name):
                yield from (source.replace(node, other, "name") for other in local if other != node.id)
            else:
                others = [other for other in attributes if other != node.attr]
                text = source.text(node.value)
                yield from (source.replace(node, f"{text}.{other}", "attribute") for other in others)
