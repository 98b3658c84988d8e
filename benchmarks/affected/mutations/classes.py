"""Mutations of classes: methods that override, attributes, bases, annotations."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator

from .expressions import other_values
from .tree import FUNCTIONS, Edit, Function, Source

# Methods that Python or Flask call by themselves.
SPECIAL = (
    "__init__", "__str__", "__repr__", "__eq__", "__hash__", "__len__", "__iter__", "__bool__", "__getattr__",
    "__getattribute__", "__call__", "__contains__", "__getitem__", "__init_subclass__", "__new__", "__format__",
    "__post_init__", "__class_getitem__", "__lt__", "__enter__", "__missing__", "__set_name__", "__get__",
    "get", "post", "put", "patch", "delete", "head", "options", "dispatch_request",
)  # fmt: skip


class Members:
    """The names of the methods and attributes of all classes of an application, with the decorators of methods."""

    def __init__(self, sources: Collection[Source]) -> None:
        self.methods: dict[str, str] = {}
        self.attributes: set[str] = set()
        for source in sources:
            for node in source.classes():
                self._add(source, node)
        # Names that are computed, as in getattr(self, f"show_{kind}").
        self.prefixes = sorted({name.partition("_")[0] for name in self.methods if "_" in name.strip("_")})

    def _add(self, source: Source, node: ast.ClassDef) -> None:
        for item in node.body:
            if isinstance(item, FUNCTIONS):
                marks = "".join(f"@{source.text(mark)}\n" for mark in item.decorator_list)
                self.methods[item.name] = marks if "." not in marks else ""
            for target in targets_of(item):
                self.attributes.add(target)


def targets_of(node: ast.stmt) -> list[str]:
    """The names that an assignment binds."""
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def overrides(source: Source, members: Members) -> Iterator[Edit]:
    """A method is added that overrides, or that something may call by its name."""
    for node in source.classes():
        own = {item.name for item in node.body if isinstance(item, FUNCTIONS)}
        names = [*members.methods, *SPECIAL, *(f"{prefix}_planted" for prefix in members.prefixes), "planted_method"]
        for name in names:
            if name not in own:
                yield from _added_methods(source, node, name, members.methods.get(name, ""))


def _added_methods(source: Source, node: ast.ClassDef, name: str, marks: str) -> Iterator[Edit]:
    indent = " " * (node.col_offset + 4)
    end = source.block(node)[1]
    first = "cls" if "classmethod" in marks or name in ("__init_subclass__", "__new__", "__class_getitem__") else "self"
    if "property" in marks:
        bodies = {"None": f"{first}", "super": f"{first}"}
    else:
        bodies = dict.fromkeys(
            ("None", "super"), "*values, **named" if "static" in marks else f"{first}, *values, **named"
        )
    called = f"super().{name}" + ("" if "property" in marks else "(*values, **named)")
    for returned, parameters in bodies.items():
        result = called if returned == "super" and "static" not in marks else "None"
        lines = [*marks.splitlines(), f"def {name}({parameters}):", f"    return {result}"]
        text = "\n" + "".join(f"{indent}{line}\n" for line in lines)
        yield Edit(end, end, text, f"line {node.lineno}: method {name} added to {node.name}")


def attributes(source: Source, members: Members) -> Iterator[Edit]:
    """A class attribute is changed, removed, or added."""
    for node in source.classes():
        indent = " " * (node.col_offset + 4)
        for item in node.body:
            value = getattr(item, "value", None) if targets_of(item) else None
            if value is None:
                continue
            for other in other_values(value.value) if isinstance(value, ast.Constant) else ():
                yield source.replace(value, repr(other), "class attribute")
            for inner in ast.walk(value):
                if (
                    isinstance(inner, ast.Constant)
                    and inner is not value
                    and not source.is_within(inner, (ast.JoinedStr,))
                ):
                    yield from (
                        source.replace(inner, repr(other), "in a class attribute")
                        for other in other_values(inner.value)
                    )
            yield source.replace(item, "pass", "class attribute removed")
            yield source.replace(value, "None", "class attribute")
        end = source.block(node)[1]
        for name in sorted({*members.attributes, *members.methods}):
            yield Edit(end, end, f"\n{indent}{name} = None\n", f"line {node.lineno}: attribute {name} added")


def bases(source: Source) -> Iterator[Edit]:
    """Two bases are swapped, one is removed; a method is removed."""
    for node in source.classes():
        for first, second in zip(node.bases, node.bases[1:], strict=False):
            start, end = source.span(first)[0], source.span(second)[1]
            text = f"{source.text(second)}, {source.text(first)}"
            yield Edit(start, end, text, f"line {node.lineno}: bases swapped")
        for item in node.bases:
            yield source.replace(item, "object", "base removed")
        for item in node.body:
            if isinstance(item, FUNCTIONS):
                yield _removed(source, item)


def _removed(source: Source, node: Function) -> Edit:
    start, end = source.block(node)
    return Edit(start, end, f"{' ' * node.col_offset}pass\n", f"line {node.lineno}: method {node.name} removed")


def annotations(source: Source) -> Iterator[Edit]:
    """Another annotation, of a field, a parameter or a variable; a field that is added or removed."""
    for node in source.classes():
        indent = " " * (node.col_offset + 4)
        end = source.block(node)[1]
        for annotation in ("int", "Planted"):
            yield Edit(end, end, f"\n{indent}planted: {annotation}\n", f"line {node.lineno}: field added")
        for item in node.body:
            if isinstance(item, ast.AnnAssign):
                yield source.replace(item, "pass", "field removed")
    for node in ast.walk(source.tree):
        for other in ("int", "str", "'Unknown'", "ClassVar[int]", "Planted", "str[int]"):
            annotation = getattr(node, "annotation", None)
            if isinstance(annotation, ast.expr):
                yield source.replace(annotation, other, "annotation")
        if isinstance(node, FUNCTIONS) and node.returns is not None:
            yield source.replace(node.returns, "int", "annotation of a result")
