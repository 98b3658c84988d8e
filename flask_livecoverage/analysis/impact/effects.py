"""Which statements do nothing but bind names, when a module or a class body runs them."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Collection, Iterable, Iterator

from .fingerprint import FunctionNode

# Their results depend on their arguments alone, they call nothing of those, and they fail for hardly any, if these are
# constants.
_PURE = frozenset(
    {"bool", "frozenset", "object", "str", "set", "tuple", "list", "dict", "TypeVar", "ParamSpec", "NewType",
     "getLogger", "Path", "PurePath"}
)  # fmt: skip
_PURE_OF = {
    "logging": {"getLogger"},
    "typing": {"TypeVar", "ParamSpec", "NewType"},
    "pathlib": {"Path", "PurePath"},
}
_CONTAINERS = ast.Tuple | ast.List | ast.Set
_BUILTINS = frozenset(vars(builtins))
# A module has these without binding them.
_OF_MODULES = frozenset({"__name__", "__file__", "__package__", "__doc__", "__spec__"})

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
    if any(simple_name(decorator) not in HARMLESS_DECORATORS for decorator in function.decorator_list):
        return "it has a decorator"
    defaults = (*function.args.defaults, *filter(None, function.args.kw_defaults))
    if not all(is_harmless(default, known) for default in defaults):
        return "a default is computed"
    if not all(_is_harmless_annotation(annotation, known) for annotation in annotations_of(function)):
        return "an annotation is computed"
    return ""


def annotations_of(function: FunctionNode) -> Iterator[ast.expr]:
    """The annotations of a function's arguments and of what it returns."""
    arguments = function.args
    listed = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    yield from filter(None, [*(argument.annotation for argument in listed if argument), function.returns])


def simple_name(node: ast.expr) -> str:
    """The last part of a name, ``lru_cache`` of ``functools.lru_cache(maxsize=9)``; empty for other expressions."""
    if isinstance(node, ast.Call):
        return simple_name(node.func)
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _effect_of_class(node: ast.ClassDef, known: Collection[str]) -> str:
    if any(simple_name(decorator) not in HARMLESS_CLASS_DECORATORS for decorator in node.decorator_list):
        return "it has a decorator"
    if node.keywords:
        return "its creation is customised"
    return _effect_of_all(node.body, known)


def _effect_of_all(statements: Iterable[ast.stmt], known: Collection[str]) -> str:
    bound = set(known)
    for statement in statements:
        effect = effect_of(statement, bound)
        if effect:
            return effect
        bound |= bound_names(statement)
    return ""


def _effect_of_if(statement: ast.If, known: Collection[str]) -> str:
    if is_for_type_checking(statement):
        return _effect_of_all(statement.orelse, known)
    if not is_harmless(statement.test, known):
        return "a condition is computed"
    return _effect_of_all([*statement.body, *statement.orelse], known)


def is_for_type_checking(statement: ast.stmt) -> bool:
    """True for ``if TYPE_CHECKING:``, whose body never runs."""
    return isinstance(statement, ast.If) and simple_name(statement.test) == "TYPE_CHECKING"


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
    if isinstance(node, _CONTAINERS):
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
        pure = function.id in _PURE and not (function.id in _BUILTINS and function.id in known)
    else:
        owner = getattr(function, "value", None)
        pure = isinstance(owner, ast.Name) and getattr(function, "attr", "") in _PURE_OF.get(owner.id, ())
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    return pure and all(_is_plain(argument) for argument in arguments)


def _is_plain(node: ast.expr) -> bool:
    if isinstance(node, _CONTAINERS):
        return all(map(_is_plain, node.elts))
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id in _OF_MODULES)


def _is_harmless_annotation(node: ast.expr, known: Collection[str]) -> bool:
    names = [inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)]
    plain = ast.Name | ast.Attribute | ast.Subscript | ast.Constant | ast.BinOp | ast.BitOr | _CONTAINERS | ast.Load
    return all(isinstance(inner, plain) for inner in ast.walk(node)) and all(
        name in known or name in _BUILTINS for name in names
    )


def bound_names(statement: ast.stmt) -> frozenset[str]:
    """The names that a statement binds in its scope, in all of its branches that can run."""
    if isinstance(statement, ast.If) and is_for_type_checking(statement):
        return frozenset(name for inner in statement.orelse for name in _bound(inner))
    return frozenset(_bound(statement))


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, FunctionNode | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.ExceptHandler) and node.name:
        yield node.name
    if not isinstance(node, ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _bound(child)
