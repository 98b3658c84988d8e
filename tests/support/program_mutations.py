"""Random changes of Python files, for the tests of ``affected``."""

from __future__ import annotations

import ast
import random
from collections.abc import Callable, Iterator

from .generated_programs import ATTRIBUTES, CLASSES, CONSTANTS, FUNCTIONS, METHODS, ROUTES, SPECIAL

Mutation = Callable[[ast.Module, random.Random], bool]
_Function = ast.FunctionDef
_Scope = ast.Module | ast.ClassDef | ast.FunctionDef


def mutate(source: str, chooser: random.Random) -> tuple[str, str]:
    """Change a file in one way or a few; return its text, and the names of the ways."""
    done = []
    tree = ast.parse(source)
    for _ in range(chooser.choice([1, 1, 1, 2, 3])):
        mutation = chooser.choice(MUTATIONS)
        if mutation(tree, chooser):
            done.append(mutation.__name__)
    text = ast.unparse(ast.fix_missing_locations(tree))
    return text + "\n", ", ".join(done)


def _all(tree: ast.AST, kind: type | tuple[type, ...]) -> list[ast.AST]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def _bodies(tree: ast.Module) -> list[list[ast.stmt]]:
    return [body for node in ast.walk(tree) for body in _bodies_of(node)]


def _bodies_of(node: ast.AST) -> Iterator[list[ast.stmt]]:
    for name in ("body", "orelse"):
        body = getattr(node, name, None)
        if isinstance(body, list) and body and all(isinstance(statement, ast.stmt) for statement in body):
            yield body


def _scopes(tree: ast.Module) -> list[_Scope]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Module | ast.ClassDef)]


def change_constant(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in _all(tree, ast.Constant) if isinstance(node.value, int | str)]  # type: ignore[attr-defined]
    if not found:
        return False
    node = chooser.choice(found)
    assert isinstance(node, ast.Constant)
    names = [*CONSTANTS, *METHODS, *ATTRIBUTES, *FUNCTIONS, *ROUTES]
    node.value = chooser.randint(100, 200) if isinstance(node.value, int) else chooser.choice(names)
    return True


def delete_statement(tree: ast.Module, chooser: random.Random) -> bool:
    body = chooser.choice(_bodies(tree))
    del body[chooser.randrange(len(body))]
    if not body:
        body.append(ast.Pass())
    return True


def move_statement(tree: ast.Module, chooser: random.Random) -> bool:
    body = chooser.choice(_bodies(tree))
    body.insert(chooser.randrange(len(body)), body.pop(chooser.randrange(len(body))))
    return True


def copy_statement(tree: ast.Module, chooser: random.Random) -> bool:
    source, target = chooser.choice(_bodies(tree)), chooser.choice(_bodies(tree))
    copied = ast.parse(ast.unparse(chooser.choice(source))) if _stands_alone(source) else None
    if copied:
        target.insert(chooser.randrange(len(target) + 1), copied.body[0])
    return bool(copied)


def _stands_alone(body: list[ast.stmt]) -> bool:
    return not any(isinstance(node, ast.Return | ast.Yield | ast.Expr) for inner in body for node in ast.walk(inner))


def rename_name(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in _all(tree, ast.Name) if node.id in (*CONSTANTS, *FUNCTIONS, *CLASSES)]  # type: ignore[attr-defined]
    if found:
        node = chooser.choice(found)
        assert isinstance(node, ast.Name)
        node.id = chooser.choice([*CONSTANTS, *FUNCTIONS, *CLASSES])
    return bool(found)


def rename_definition(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in ast.walk(tree) if isinstance(node, _Function | ast.ClassDef)]
    if found:
        node = chooser.choice(found)
        node.name = chooser.choice(_names_for(node))
    return bool(found)


def _names_for(node: ast.AST) -> list[str]:
    if isinstance(node, ast.ClassDef):
        return CLASSES
    return [*FUNCTIONS, *METHODS, "int", "len"]


def add_function(tree: ast.Module, chooser: random.Random) -> bool:
    name = chooser.choice([*FUNCTIONS, *FUNCTIONS, "int", "len", "str", "bool", "K0", "C0", "unknown", "__getattr__"])
    decorator = chooser.choice(["", "", "", "@staticmethod\n"])
    added = ast.parse(f"{decorator}def {name}(x=1):\n    return {chooser.randint(300, 400)}").body[0]
    tree.body.insert(chooser.randrange(len(tree.body) + 1), added)
    return True


def add_member(tree: ast.Module, chooser: random.Random) -> bool:
    classes = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    if not classes:
        return False
    body = chooser.choice(classes).body
    value = chooser.randint(500, 600)
    if chooser.random() < 0.25:
        text = f"{chooser.choice([*ATTRIBUTES, *METHODS])} = {value}"
    else:
        decorator = chooser.choice(["", "", "", "", "@property\n", "@staticmethod\n", "@classmethod\n"])
        name = chooser.choice([*METHODS, *METHODS, *ATTRIBUTES, *SPECIAL, "unknown"])
        text = f"{decorator}def {name}(self=1, x=1, *rest):\n    return {chooser.choice([value, 'True', repr('s')])}"
    body.insert(chooser.randrange(len(body) + 1), ast.parse(text).body[0])
    return True


def add_statement(tree: ast.Module, chooser: random.Random) -> bool:
    body = chooser.choice(_bodies(tree))
    texts = [
        f"{chooser.choice(CONSTANTS)} = {chooser.randint(600, 700)}",
        f"{chooser.choice(FUNCTIONS)} = {chooser.choice(['None', 'int', 'lambda x=1: 7'])}",
        f"class {chooser.choice(CLASSES)}:\n    a0 = 9\n    def m0(self, x=1):\n        return 8",
        "import math as d",
        "from math import pi as K1",
        "for K2 in range(3):\n    pass",
        "1",
        "pass",
        "x = 5",
        "from . import d",
        "from .d import *" if body is tree.body else "pass",
    ]
    body.insert(chooser.randrange(len(body) + 1), ast.parse(chooser.choice(texts)).body[0])
    return True


def change_signature(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in ast.walk(tree) if isinstance(node, _Function) and node.args.args]
    if not found:
        return False
    arguments = chooser.choice(found).args
    kind = chooser.randrange(4)
    if kind == 0 and arguments.defaults:
        arguments.defaults[-1] = ast.Constant(chooser.randint(700, 800))
    elif kind == 1:
        arguments.defaults = []
    elif kind == 2:
        arguments.args[-1].arg = "y"
    else:
        arguments.vararg = ast.arg("rest")
    return True


def change_decorators(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in ast.walk(tree) if isinstance(node, _Function)]
    if not found:
        return False
    decorators = chooser.choice(found).decorator_list
    if decorators:
        decorators.clear()
    else:
        decorators.append(ast.parse(chooser.choice(["staticmethod", "property", "(lambda f: 5)"])).body[0].value)  # type: ignore[attr-defined]
    return True


def change_bases(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    if found:
        bases = [
            ast.Name(chooser.choice([*CLASSES, "View", "object"]), ast.Load()) for _ in range(chooser.randrange(2))
        ]
        chooser.choice(found).bases = bases  # type: ignore[assignment]
    return bool(found)


def nest_in_condition(tree: ast.Module, chooser: random.Random) -> bool:
    body = chooser.choice(_bodies(tree))
    index = chooser.randrange(len(body))
    body[index] = ast.If(ast.Constant(chooser.randrange(2)), [body[index]], [])
    return True


def change_operator(tree: ast.Module, chooser: random.Random) -> bool:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    if found:
        chooser.choice(found).ops = [chooser.choice([ast.Eq, ast.NotEq, ast.Is, ast.IsNot])()]
    return bool(found)


MUTATIONS: list[Mutation] = [
    change_constant, change_constant, delete_statement, move_statement, copy_statement, rename_name, rename_definition,
    add_function, add_function, add_member, add_member, add_statement, add_statement, change_signature,
    change_decorators, change_bases, nest_in_condition, change_operator,
]  # fmt: skip
