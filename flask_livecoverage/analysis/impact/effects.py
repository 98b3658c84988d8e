"""Which statements do nothing but bind names, when a module or a class body runs them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable

from .bindings import PROPERTY_PARTS, bind, is_for_type_checking, simple_name
from .fingerprint import FunctionNode
from .mentions import dotted_name
from .needs import annotations_of

# Their results depend on their arguments alone, they call nothing of those, and they do not fail for some constants.
_OF_TEXTS = frozenset({"TypeVar", "ParamSpec", "NewType", "getLogger", "Path", "PurePath"})
_PURE = frozenset({"bool", "frozenset", "object", "str", "set", "tuple", "list", "dict"}) | _OF_TEXTS
_PURE_OF = {
    "logging": {"getLogger"},
    "typing": {"TypeVar", "ParamSpec", "NewType"},
    "pathlib": {"Path", "PurePath"},
}
# The numbers of arguments with which they do not fail.
_COUNTS = {"object": {0}, "dict": {0}, "TypeVar": {1}, "ParamSpec": {1}, "NewType": {2}, "Path": {0, 1, 2, 3}}
_Container = ast.Tuple | ast.List | ast.Set
_BUILTINS = frozenset(vars(builtins))
# A module has these without binding them.
_OF_MODULES = frozenset({"__name__", "__file__", "__package__", "__doc__", "__spec__"})
_TEXTS_OF_MODULES = frozenset({"__name__", "__file__"})

HARMLESS_DECORATORS = frozenset(
    {
        "staticmethod",
        "classmethod",
        "property",
        "abstractmethod",
        "override",
        "overload",
        "setter",
        "getter",
        "deleter",
        "cached_property",
    }
)
# Those that have no effect besides the class, and those that leave its statements as they are.
HARMLESS_CLASS_DECORATORS = frozenset({"dataclass", "final"})
HARMLESS_CUSTOMISERS = frozenset({"final"})


def effect_of(statement: ast.stmt, known: Collection[str]) -> str:
    """Return the reason for which a statement does more than binding names; empty if it does not.

    ``known`` are the names that are bound before it, besides those of Python. Function definitions and classes are
    judged by :func:`effect_of_definition` and their parts.
    """
    if isinstance(statement, ast.Pass | ast.Import | ast.ImportFrom):
        return ""
    if isinstance(statement, FunctionNode):
        return effect_of_definition(statement, known)
    if isinstance(statement, ast.ClassDef):
        return _effect_of_class(statement, known)
    if isinstance(statement, ast.Expr):
        return "" if isinstance(statement.value, ast.Constant) else "it calls something"
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return _effect_of_assignment(statement, known)
    if isinstance(statement, ast.If):
        return _effect_of_if(statement, known)
    if isinstance(statement, ast.Try):
        handlers = [inner for handler in statement.handlers for inner in handler.body]
        return _effect_of_all([*statement.body, *handlers, *statement.orelse, *statement.finalbody], known)
    return f"it has a {type(statement).__name__.lower()} statement"


def effect_of_definition(function: FunctionNode, known: Collection[str]) -> str:
    """Return the reason for which a function definition does more than binding its name; empty if it does not."""
    if not all(_is_harmless_decorator(decorator, known) for decorator in function.decorator_list):
        return "it has a decorator"
    defaults = (*function.args.defaults, *filter(None, function.args.kw_defaults))
    if not all(is_harmless(default, known) for default in defaults):
        return "a default is computed"
    if not all(_is_harmless_annotation(annotation, known) for annotation in annotations_of(function)):
        return "an annotation is computed"
    return ""


def _is_harmless_decorator(node: ast.expr, known: Collection[str]) -> bool:
    name = simple_name(node)
    if isinstance(node, ast.Attribute) and name in PROPERTY_PARTS:
        return dotted_name(node) in known
    return name in HARMLESS_DECORATORS and not isinstance(node, ast.Call) and _is_known(node, known)


def _is_known(node: ast.expr, known: Collection[str]) -> bool:
    """True if the first part of a dotted name is bound."""
    root = dotted_name(node).partition(".")[0]
    return root in known or root in _BUILTINS


def _effect_of_class(node: ast.ClassDef, known: Collection[str]) -> str:
    if any(simple_name(decorator) not in HARMLESS_CLASS_DECORATORS for decorator in node.decorator_list):
        return "it has a decorator"
    if not all(_is_known(getattr(node, "func", node), known) for node in node.decorator_list):
        return "it has a decorator"
    if not all(_is_known(base, known) for base in node.bases if dotted_name(base)):
        return "a base class may not exist"
    if node.keywords:
        return "its creation is customised"
    return _effect_of_all(node.body, known)


def _effect_of_all(statements: Iterable[ast.stmt], known: Collection[str]) -> str:
    bound = set(known)
    for statement in statements:
        effect = effect_of(statement, bound)
        if effect:
            return effect
        bind(bound, statement)
    return ""


def _effect_of_if(statement: ast.If, known: Collection[str]) -> str:
    if is_for_type_checking(statement):
        return _effect_of_all(statement.orelse, known)
    if not is_harmless(statement.test, known):
        return "a condition is computed"
    return _effect_of_all([*statement.body, *statement.orelse], known)


def _effect_of_assignment(statement: ast.Assign | ast.AnnAssign, known: Collection[str]) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if not all(isinstance(target, ast.Name) for target in targets):
        return "it changes an object or unpacks one"
    if isinstance(statement, ast.AnnAssign) and not _is_harmless_annotation(statement.annotation, known):
        return "an annotation is computed"
    return "" if statement.value is None or is_harmless(statement.value, known) else "its value is computed"


def is_harmless(node: ast.expr, known: Collection[str]) -> bool:
    """True if an expression calls no code of the application, changes nothing, and cannot fail."""
    if isinstance(node, ast.Constant | ast.Lambda):
        return True
    if isinstance(node, ast.Name):
        return node.id in known or node.id in _BUILTINS or node.id in _OF_MODULES
    if isinstance(node, ast.Set):
        return all(isinstance(item, ast.Constant) for item in node.elts)
    if isinstance(node, _Container):
        return all(is_harmless(item, known) for item in node.elts)
    if isinstance(node, ast.Dict):
        keys = all(key is not None and isinstance(key, ast.Constant) for key in node.keys)
        return keys and all(is_harmless(value, known) for value in node.values)
    if isinstance(node, ast.BinOp | ast.UnaryOp):
        return _is_arithmetic(node)
    return isinstance(node, ast.Call) and _is_pure_call(node, known)


def _is_arithmetic(node: ast.expr) -> bool:
    """True for sums and products of numbers."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub | ast.Mult):
        return _is_arithmetic(node.left) and _is_arithmetic(node.right)
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and _is_arithmetic(node.operand)


def _is_pure_call(node: ast.Call, known: Collection[str]) -> bool:
    function = node.func
    if isinstance(function, ast.Name):
        # A name of Python that the module binds anew is another function.
        name, is_own = function.id, function.id in known
        pure = name in _PURE and is_own != (name in _BUILTINS)
    else:
        owner, name = getattr(function, "value", None), getattr(function, "attr", "")
        pure = isinstance(owner, ast.Name) and owner.id in known and name in _PURE_OF.get(owner.id, ())
    return pure and _are_accepted(name, node)


def _are_accepted(name: str, node: ast.Call) -> bool:
    """True if a pure function does not fail for the arguments of a call."""
    if name == "dict":
        return not node.args and all(keyword.arg and _is_plain(keyword.value) for keyword in node.keywords)
    if node.keywords or len(node.args) not in _COUNTS.get(name, {0, 1}):
        return False
    if name in _OF_TEXTS:
        return all(_is_text(argument) for argument in node.args)
    if name in ("bool", "str"):
        return all(_is_plain(argument) for argument in node.args)
    # Of what can be iterated; sets, of what can be hashed.
    return all(isinstance(argument, _Container) and _is_flat(argument) for argument in node.args)


def _is_text(node: ast.expr) -> bool:
    is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_text or (isinstance(node, ast.Name) and node.id in _TEXTS_OF_MODULES)


def _is_flat(node: _Container) -> bool:
    return all(isinstance(item, ast.Constant) for item in node.elts)


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, _Container):
        return all(map(_is_plain, node.elts))
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in _OF_MODULES)


def _is_harmless_annotation(node: ast.expr, known: Collection[str]) -> bool:
    """True if the names in an annotation are bound. What it needs of their values is another question."""
    if isinstance(node, ast.Constant):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        return _is_known(node, known)
    if isinstance(node, ast.Subscript):
        return all(_is_harmless_annotation(part, known) for part in (node.value, node.slice)) and not isinstance(
            node.value, ast.Constant
        )
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        # Of two constants, and of a text and a type, there is no union.
        constants = [side.value for side in sides if isinstance(side, ast.Constant)]
        is_union = isinstance(node.op, ast.BitOr) and constants in ([], [None])
        return is_union and all(_is_harmless_annotation(side, known) for side in sides)
    return isinstance(node, ast.Tuple | ast.List) and all(_is_harmless_annotation(item, known) for item in node.elts)
