"""The blocks of a file: the statements of its module and of its classes, and its functions.

A function is a block wherever it is defined. Its decorators, defaults and annotations run with the block around it.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Collection, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property

from ...model.bitmap import to_bitmap
from ...sources.ast_guard import parsing
from .bindings import bind, bound_after, bound_names, is_for_type_checking, simple_name
from .effects import HARMLESS_CUSTOMISERS, HARMLESS_DECORATORS, effect_of
from .fingerprint import FunctionNode, fingerprint
from .imports import Import, imports_in
from .mentions import Mentions, docstring_of, dotted_name, mentions_in, without_docstring
from .needs import Need, annotations_of, needs_of
from .stores import is_cache, stores_in


@dataclass(frozen=True)
class Function:
    """A function: ``own_lines`` are those that run when it is called, without those of ``inner`` functions.

    ``code`` is the fingerprint of its body without the docstring, ``shape`` that of what can be passed to it.
    ``decorated_by`` are the names of its decorators without those of their modules and objects.
    ``keeps`` is true if what it computes may be used without calling it again, ``stores`` are the names of the objects
    outside of it in which it keeps something.
    """

    name: str
    first_line: int
    own_lines: int
    code: str
    docstring: str | None
    shape: str
    defaults: str
    annotations: str
    decorators: str
    decorated_by: frozenset[str]
    keeps: bool
    stores: frozenset[str]
    mentions: Mentions
    imports: tuple[Import, ...]
    inner: tuple[Function, ...]

    @property
    def simple_name(self) -> str:
        """Its name without that of the class or function around it."""
        return self.name.rpartition(".")[2]

    @property
    def owner(self) -> str:
        """The name of the class or function around it, without that of what is around this; empty for neither."""
        return self.name.rpartition(".")[0].rpartition(".")[2]


@dataclass(frozen=True)
class Class:
    """A class at the top of a module or of another class.

    ``bases`` are the names of its base classes, "" for computed ones. ``customised`` is true if something else than
    Python's own rules makes a class of its statements. ``bound`` are the names that it has for sure.
    """

    name: str
    bases: tuple[str, ...]
    customised: bool
    items: tuple[Item, ...]
    bound: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Item:
    """A statement of a module or class; of an import, one name.

    ``key`` is equal for statements that do the same, besides the bodies and signatures of functions, and the contents
    of classes. ``effect`` is the reason for which it does more than binding ``names``; empty if it does not.
    ``functions`` are those that it defines, without those of a ``scope``.
    """

    key: str
    kind: str
    lines: tuple[int, ...]
    names: frozenset[str]
    effect: str
    mentions: Mentions
    functions: tuple[Function, ...] = ()
    scope: Class | None = None
    imports: tuple[Import, ...] = ()
    needs: tuple[Need, ...] = ()

    @property
    def is_plain_function(self) -> bool:
        """True for a function definition whose order among others does not matter."""
        read = self.mentions.names | self.mentions.attributes
        return self.kind == "function" and not self.effect and read <= HARMLESS_DECORATORS


@dataclass(frozen=True)
class Module:
    """A parsed file. ``broken`` if Python cannot parse it; then there is nothing in it.

    ``bound`` are the names that it has for sure when it was imported.
    """

    content: bytes
    items: tuple[Item, ...] = ()
    bound: frozenset[str] = frozenset()
    broken: bool = False

    @cached_property
    def functions(self) -> tuple[Function, ...]:
        """All functions, wherever they are defined."""
        return tuple(_all_functions(self.items))

    @cached_property
    def classes(self) -> tuple[Class, ...]:
        """The classes at the top of the module or of other classes."""
        return tuple(_all_classes(self.items))

    @cached_property
    def all_items(self) -> tuple[Item, ...]:
        """The statements of the module and of its classes."""
        return (*self.items, *(item for scope in self.classes for item in scope.items))

    @cached_property
    def lines_at_import(self) -> int:
        """The bitmap of the lines outside of functions."""
        lines = to_bitmap(line for item in self.all_items for line in item.lines)
        for function in self.functions:
            lines &= ~function.own_lines
        return lines

    @property
    def all_lines(self) -> tuple[int, ...]:
        """The numbers of its lines."""
        return tuple(range(1, len(self.content.splitlines()) + 1))


def parse(content: bytes) -> Module:
    """Cut a file into blocks."""
    try:
        with parsing(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(content)
            # Finds the errors that the parser does not: a `break` outside of a loop, an argument given twice.
            compile(tree, "<unknown>", "exec", dont_inherit=True)
        return Module(content, tuple(_items(tree, "", frozenset())), bound_after(tree.body))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return Module(content, broken=True)


def _items(scope: ast.Module | ast.ClassDef, prefix: str, outer: Collection[str]) -> Iterator[Item]:
    bound = set(outer)
    docstring = docstring_of(scope)
    if docstring is not None:
        lines = _lines_of(scope.body[0])
        yield Item(f"docstring {docstring!r}", "docstring", lines, frozenset({"__doc__"}), "", Mentions())
    for statement in without_docstring(scope):
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from _import_items(statement)
        elif isinstance(statement, FunctionNode):
            yield _function_item(statement, prefix, bound)
        elif isinstance(statement, ast.ClassDef):
            yield _class_item(statement, prefix, bound)
        else:
            yield _statement_item(statement, prefix, bound)
        bind(bound, statement)


def _import_items(statement: ast.Import | ast.ImportFrom) -> Iterator[Item]:
    for imported in imports_in([statement]):
        names = frozenset({imported.bound}) if imported.bound else frozenset()
        effect = "it changes how Python reads the file" if imported.module == "__future__" else ""
        declared = frozenset({imported.name, imported.bound, *imported.module.split(".")}) - {"", "*"}
        yield Item(
            f"import {imported.level} {imported.module} {imported.name} {imported.bound}",
            "import",
            _lines_of(statement),
            names,
            effect,
            Mentions(declared=declared),
            imports=(imported,),
        )


def _function_item(node: FunctionNode, prefix: str, bound: set[str]) -> Item:
    function = _function(node, prefix)
    effect = effect_of(node, bound)
    key = f"def {node.name} {function.decorators}"
    if node.decorator_list and effect == "it has a decorator":
        # The decorator may read it.
        key += f"{function.shape} {function.defaults} {function.annotations}"
    mentions = mentions_in([node])
    needs = tuple(needs_of(node, bound))
    return Item(key, "function", _header(node), frozenset({node.name}), effect, mentions, (function,), needs=needs)


def _class_item(node: ast.ClassDef, prefix: str, bound: set[str]) -> Item:
    name = f"{prefix}{node.name}"
    # The rest of the class is compared statement by statement.
    header = copy(node)
    header.body = []
    # The fields of a dataclass are the arguments of its constructor.
    decorated = any(simple_name(decorator) not in HARMLESS_CUSTOMISERS for decorator in node.decorator_list)
    customised = decorated or bool(node.keywords)
    scope = Class(
        name,
        tuple(map(dotted_name, node.bases)),
        customised,
        tuple(_items(node, f"{name}.", bound)),
        bound_after(node.body),
    )
    return Item(
        f"class {fingerprint(header)}",
        "class",
        _header(node),
        frozenset({node.name}),
        effect_of(node, bound),
        mentions_in([header]),
        scope=scope,
        needs=tuple(needs_of(node, bound)),
    )


def _statement_item(statement: ast.stmt, prefix: str, bound: set[str]) -> Item:
    return Item(
        fingerprint(statement),
        "statement",
        _lines_of(statement),
        bound_names(statement),
        effect_of(statement, bound) or _effect_of_inner_class(statement),
        mentions_in([statement]),
        tuple(_functions([statement], prefix)),
        imports=() if is_for_type_checking(statement) else tuple(imports_in([statement])),
        needs=tuple(needs_of(statement, bound)),
    )


def _effect_of_inner_class(statement: ast.stmt) -> str:
    """The reason for which a class in a condition, which is compared as a whole, may do more than binding a name."""
    for node in [] if is_for_type_checking(statement) else ast.walk(statement):
        if isinstance(node, ast.ClassDef) and (node.bases or node.decorator_list):
            return "a base class or a decorator may use it"
    return ""


def _functions(nodes: Iterable[ast.AST], prefix: str) -> Iterator[Function]:
    """The outermost functions among statements and within them."""
    for node in nodes:
        if isinstance(node, FunctionNode):
            yield _function(node, prefix)
        elif not isinstance(node, ast.expr):
            inner = f"{prefix}{node.name}." if isinstance(node, ast.ClassDef) else prefix
            yield from _functions(ast.iter_child_nodes(node), inner)


def _function(node: FunctionNode, prefix: str) -> Function:
    name = f"{prefix}{node.name}"
    arguments = node.args
    body = without_docstring(node)
    decorated_by = frozenset(map(simple_name, node.decorator_list))
    return Function(
        name=name,
        first_line=_first_line(node),
        own_lines=_own_lines(node),
        code=fingerprint(body),
        docstring=docstring_of(node),
        shape=_shape(node),
        defaults=fingerprint([*arguments.defaults, *arguments.kw_defaults]),
        annotations=fingerprint(list(annotations_of(node))),
        decorators=fingerprint(node.decorator_list) if node.decorator_list else "",
        decorated_by=decorated_by,
        keeps=any(map(is_cache, decorated_by)) or _sets_globals(node),
        stores=stores_in(node),
        mentions=mentions_in(body),
        imports=tuple(imports_in(body)),
        inner=tuple(_functions(node.body, f"{name}.")),
    )


def _shape(node: FunctionNode) -> str:
    """The arguments' names and kinds, and which of them have defaults; whether it is asynchronous."""
    arguments = node.args
    kinds = (arguments.posonlyargs, arguments.args, arguments.kwonlyargs)
    names = [[argument.arg for argument in kind] for kind in kinds]
    rest = [argument.arg if argument else None for argument in (arguments.vararg, arguments.kwarg)]
    optional = [len(arguments.defaults), *(default is not None for default in arguments.kw_defaults)]
    generic = fingerprint(getattr(node, "type_params", []))
    # A generator that is never resumed runs no line.
    return f"{type(node).__name__} {names} {rest} {optional} {generic} {_is_generator(node)}"


def _is_generator(node: ast.AST) -> bool:
    scopes = FunctionNode | ast.Lambda | ast.ClassDef
    return any(
        isinstance(child, ast.Yield | ast.YieldFrom) or (not isinstance(child, scopes) and _is_generator(child))
        for child in ast.iter_child_nodes(node)
    )


def _sets_globals(node: FunctionNode) -> bool:
    return any(isinstance(inner, ast.Global) for inner in ast.walk(node))


def _own_lines(node: FunctionNode) -> int:
    first = node.lineno if all(map(_leaves_no_code, node.body)) else _first_line(node.body[0])
    lines = to_bitmap(range(first, (node.end_lineno or first) + 1))
    for inner in _outermost(node):
        # A body that begins on the line of its definition shares this line with the function around it.
        begin = max(_first_line(inner.body[0]), inner.lineno + 1)
        lines &= ~to_bitmap(range(begin, (inner.end_lineno or begin) + 1))
    return lines


def _leaves_no_code(statement: ast.stmt) -> bool:
    """True for what Python compiles to nothing. A function of such statements runs on the line of its definition."""
    return isinstance(statement, ast.Global | ast.Nonlocal) or (
        isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    )


def _outermost(node: ast.AST) -> Iterator[FunctionNode]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, FunctionNode):
            yield child
        elif not isinstance(child, ast.expr):
            yield from _outermost(child)


def _first_line(statement: ast.stmt) -> int:
    decorators: list[ast.expr] = getattr(statement, "decorator_list", [])
    return min([statement.lineno, *(decorator.lineno for decorator in decorators)])


def _lines_of(statement: ast.stmt) -> tuple[int, ...]:
    return tuple(range(_first_line(statement), (statement.end_lineno or statement.lineno) + 1))


def _header(node: FunctionNode | ast.ClassDef) -> tuple[int, ...]:
    end = max(node.lineno, _first_line(node.body[0]) - 1)
    return tuple(range(_first_line(node), end + 1))


def _all_functions(items: Iterable[Item]) -> Iterator[Function]:
    for item in items:
        yield from with_inner(item.functions)
        if item.scope:
            yield from _all_functions(item.scope.items)


def with_inner(functions: Iterable[Function]) -> Iterator[Function]:
    """Functions, and all functions within them."""
    for function in functions:
        yield function
        yield from with_inner(function.inner)


def _all_classes(items: Iterable[Item]) -> Iterator[Class]:
    for item in items:
        if item.scope:
            yield item.scope
            yield from _all_classes(item.scope.items)
