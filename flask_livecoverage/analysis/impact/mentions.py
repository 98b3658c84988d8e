"""The names that a piece of code mentions, and how: as names, attributes, in texts, or not statically known."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .fingerprint import FunctionNode

_WORD = re.compile(r"[^\W\d]\w*")
_DOTTED = re.compile(r"\.*\w+(?:[.:/]\w+)*")

# Longer texts are data or prose; those with braces may be templates or formats, which read attributes.
_LONGEST_NAME = 300

# Calls that reach a name that does not stand in the code, if their arguments are computed.
_OF_OBJECT = frozenset({"getattr", "setattr", "hasattr", "delattr"})
_BY_NAME = _OF_OBJECT | {"attrgetter", "methodcaller", "import_string"}
_REFLECTING = frozenset({"vars", "globals", "locals", "dir", "eval", "exec", "compile", "getmembers"})
_REFLECTING_ATTRIBUTES = frozenset(
    {"__dict__", "__subclasses__", "__mro__", "__globals__", "f_globals", "f_locals", "getmembers", "modules"}
)
# With these, code reads which fields a class has, and which arguments a function.
_OF_SHAPES = frozenset(
    {"get_type_hints", "get_annotations", "__annotations__", "__annotate__", "__signature__", "getfullargspec",
     "getargspec", "getcallargs", "__code__", "__defaults__", "__kwdefaults__", "__type_params__", "__fields__",
     "model_fields", "__dataclass_fields__", "__attrs_attrs__", "__slots__", "__match_args__", "__bases__", "mro"}
)  # fmt: skip
_SHAPE_CALLS = frozenset({"signature", "Signature", "from_callable", "fields", "asdict", "astuple", "is_dataclass"})
_IMPORTING = frozenset({"import_module", "__import__", "import_string", "find_spec", "run_module", "run_path"})
_DISCOVERING = frozenset(
    {"find_modules", "walk_packages", "iter_modules", "spec_from_file_location", "autodiscover", "autodiscover_tasks",
     "exec_module", "import_from_filename", "SourceFileLoader", "autodiscover_modules", "iter_entry_points"}
)  # fmt: skip


@dataclass(frozen=True)
class Mentions:
    """The names in a piece of code.

    ``declared`` are names that are looked up while nothing of their value is read: those in imports, in annotations
    and among base classes. ``dotted`` are texts that may name modules. ``bare`` are names, or dotted ones, used as a
    whole: an argument, not the owner of an attribute. ``reflects`` is true if names are computed, ``discovers`` if
    the modules that are imported are, ``reads_shapes`` if the fields of classes or the arguments of functions are read.
    """

    names: frozenset[str] = frozenset()
    attributes: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    declared: frozenset[str] = frozenset()
    dotted: frozenset[str] = frozenset()
    bare: frozenset[str] = frozenset()
    reflects: bool = False
    discovers: bool = False
    reads_shapes: bool = False


def mentions_in(nodes: Iterable[ast.AST]) -> Mentions:
    """Return the names that statements mention. The bodies of functions that are defined within are left out."""
    collector = _Collector()
    for node in nodes:
        collector.visit(node)
    return collector.mentions()


class _Collector(ast.NodeVisitor):
    def __init__(self) -> None:
        self._names: set[str] = set()
        self._attributes: set[str] = set()
        self._texts: set[str] = set()
        self._declared: set[str] = set()
        self._bare: set[str] = set()
        self._reflects = self._discovers = self._reads_shapes = False

    def mentions(self) -> Mentions:
        texts = [text for text in self._texts if "{" in text or (len(text) <= _LONGEST_NAME and not _has_space(text))]
        words = {word for text in texts for word in _WORD.findall(text)}
        dotted = {text for text in texts if _DOTTED.fullmatch(text)}
        # As in getattr(kind, "__annotations__").
        reads_shapes = self._reads_shapes or not words.isdisjoint(_OF_SHAPES)
        return Mentions(
            names=frozenset(self._names),
            attributes=frozenset(self._attributes),
            words=frozenset(words),
            declared=frozenset(self._declared - {""}),
            dotted=frozenset(dotted),
            bare=frozenset(self._bare),
            reflects=self._reflects or reads_shapes,
            discovers=self._discovers,
            reads_shapes=reads_shapes,
        )

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            return
        self._names.add(node.id)
        self._bare.add(node.id)
        self._reflects |= node.id in _REFLECTING
        self._reads_shapes |= node.id in _OF_SHAPES
        self._discovers |= node.id in _DISCOVERING

    def visit_Attribute(self, node: ast.Attribute) -> None:
        chain = dotted_name(node)
        names = chain.split(".")[1:] if chain else [node.attr]
        self._attributes.update(names)
        self._reflects |= not _REFLECTING_ATTRIBUTES.isdisjoint(names)
        self._reads_shapes |= not _OF_SHAPES.isdisjoint(names)
        self._discovers |= not _DISCOVERING.isdisjoint(names)
        if chain:
            self._bare.add(chain)
            self._names.add(chain.partition(".")[0])
        else:
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self._texts.add(node.value)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._names.add(node.target.id)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        self._reads_shapes |= called in _SHAPE_CALLS
        # Flask reads the module's own names then.
        self._reflects |= called == "from_object" and dotted_name(node.args[0] if node.args else node) == "__name__"
        self._reflects |= called in _BY_NAME and not _is_text(_argument(node, 1 if called in _OF_OBJECT else 0))
        self._discovers |= called in _IMPORTING and not _is_text(_argument(node, 0))
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg:
            self._attributes.add(node.arg)
        self.visit(node.value)

    def visit_MatchClass(self, node: ast.MatchClass) -> None:
        self._attributes.update(node.kwd_attrs)
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._names.update(node.names)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._declared.update(alias.name.split("."), [alias.asname or ""])

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._declared.update([alias.name, alias.asname or ""])

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._declare(node.annotation)
        self.visit(node.target)
        if node.value:
            self.visit(node.value)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            self._declare(base)
        for part in (*node.decorator_list, *(keyword.value for keyword in node.keywords), *without_docstring(node)):
            self.visit(part)

    def visit_FunctionDef(self, node: FunctionNode) -> None:
        arguments = node.args
        for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
            self.visit(default)
        annotated = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
        annotations = [argument.annotation for argument in annotated if argument]
        for annotation in filter(None, [*annotations, node.returns]):
            # A decorator may read them.
            if node.decorator_list:
                self.visit(annotation)
            self._declare(annotation)
        for decorator in node.decorator_list:
            self.visit(decorator)

    visit_AsyncFunctionDef = visit_FunctionDef

    def _declare(self, expression: ast.expr) -> None:
        for node in ast.walk(expression):
            if isinstance(node, ast.Name):
                self._declared.add(node.id)
            elif isinstance(node, ast.Attribute):
                self._declared.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self._declared.update(_WORD.findall(node.value))
            elif isinstance(node, ast.Call):
                # Such as a base class that a call makes.
                self.visit(node)


def without_docstring(node: ast.Module | ast.ClassDef | FunctionNode) -> list[ast.stmt]:
    """Return the statements of a module, class or function after its docstring."""
    return node.body[1:] if docstring_of(node) is not None else node.body


def docstring_of(node: ast.Module | ast.ClassDef | FunctionNode) -> str | None:
    """Return the docstring of a module, class or function, as it stands there."""
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
        return first.value.value
    return None


def _has_space(text: str) -> bool:
    return any(map(str.isspace, text))


def _argument(call: ast.Call, index: int) -> ast.expr | None:
    return call.args[index] if index < len(call.args) else None


def _is_text(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def dotted_name(node: ast.expr) -> str:
    """Return ``a.b.c`` for an expression of names alone; empty for others."""
    parts = list(_parts_of(node))
    return ".".join(reversed(parts)) if parts and parts[-1] else ""


def _parts_of(node: ast.expr) -> Iterator[str]:
    while isinstance(node, ast.Attribute):
        yield node.attr
        node = node.value
    yield node.id if isinstance(node, ast.Name) else ""
