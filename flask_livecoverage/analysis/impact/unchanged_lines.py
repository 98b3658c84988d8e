"""Finds the lines of code that has not changed in another content of its file.

Functions are compared as the affected tests are found: by their syntax trees, so that comments, formatting and the
order of functions do not matter. The lines of a function that has changed are in no result.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from ...model.bitmap import from_bitmap, to_bitmap
from ...model.records import FileLines
from ...sources.ast_guard import syntax_tree
from .fingerprint import FunctionNode, fingerprint

# The positions of a statement: its first line, and the last one before the statements within it.
_Lines = tuple[int, int]


@dataclass
class _Blocks:
    """The statements of a file, by keys: equal ones do the same. A function's are all or none in another content."""

    found: dict[tuple[str, str], list[list[_Lines]]] = field(default_factory=lambda: defaultdict(list))

    def add_scope(self, body: list[ast.stmt], scope: str) -> None:
        """Add the statements of a module or a class, each by itself, and the functions among them."""
        for node in _statements(body):
            self.found[scope, _header(node)].append([_lines_of(node)])
            if isinstance(node, ast.ClassDef):
                self.add_scope(node.body, f"{scope}.{node.name}")
            elif isinstance(node, FunctionNode):
                self.add_function(node, scope)

    def add_function(self, node: FunctionNode, scope: str) -> None:
        """Add the statements of a function together, and the functions within it."""
        name = f"{scope}.{node.name}"
        statements = list(_statements(node.body))
        self.found[name, "".join(map(_header, statements))].append([_lines_of(one) for one in statements])
        for inner in statements:
            if isinstance(inner, FunctionNode):
                self.add_function(inner, name)
            elif isinstance(inner, ast.ClassDef):
                self.add_scope(inner.body, f"{name}.{inner.name}")


def unchanged_lines(before: bytes, after: bytes) -> dict[int, int]:
    """Map the lines of unchanged code before to the first lines of their statements after.

    Nothing is mapped if one of the contents is no Python.
    """
    blocks, blocks_after = _parse(before), _parse(after)
    if blocks is None or blocks_after is None:
        return {}
    lines: dict[int, int] = {}
    for key, occurrences in blocks.found.items():
        others = blocks_after.found.get(key, [])
        # Of equal ones, it is not known which are gone.
        if len(occurrences) == len(others):
            for block, other in zip(occurrences, others, strict=True):
                for (first, last), (first_after, _) in zip(block, other, strict=True):
                    lines.update(dict.fromkeys(range(first, last + 1), first_after))
    return lines


def moved_to(recorded: FileLines, content: str, lines: Mapping[int, int]) -> FileLines:
    """The recorded lines in another content of the file; ``lines`` maps those of unchanged code."""
    arcs = None
    if recorded.arcs is not None:
        # The entry and the exit of a function have the negative number of its first line.
        both = {**lines, **{-line: -other for line, other in lines.items()}}
        pairs = ((both.get(start), both.get(end)) for start, end in recorded.arcs)
        arcs = frozenset((start, end) for start, end in pairs if start is not None and end is not None)
    found = to_bitmap(lines[line] for line in from_bitmap(recorded.lines) if line in lines)
    return FileLines(content, found, arcs)


def _parse(content: bytes) -> _Blocks | None:
    try:
        blocks = _Blocks()
        blocks.add_scope(syntax_tree(content).body, "")
        return blocks
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _statements(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements of a scope and within them, ``except`` and ``case`` clauses too, but not those of other scopes."""
    for node in body:
        yield node
        if not isinstance(node, FunctionNode | ast.ClassDef):
            yield from _within(node)


def _within(node: ast.AST) -> Iterator[ast.AST]:
    for _, value in ast.iter_fields(node):
        for child in value if isinstance(value, list) else ():
            if isinstance(child, ast.stmt):
                yield from _statements([child])
            elif isinstance(child, ast.ExceptHandler | ast.match_case):
                yield child
                yield from _within(child)


_BODIES = ("body", "orelse", "finalbody", "handlers", "cases")


def _header(node: ast.AST) -> str:
    """The text of a statement without those within it; of these, whether they are there."""
    parts = [type(node).__name__]
    for name, value in ast.iter_fields(node):
        if name in _BODIES and isinstance(value, list):
            parts.append(f"{name}{len(value)}")
        elif name != "type_comment":
            parts.append(fingerprint(value))
    return " ".join(parts)


def _lines_of(node: ast.AST) -> _Lines:
    if isinstance(node, ast.match_case):
        return _span(node.pattern)
    first, last = _span(node)
    first = min([first, *(one.lineno for one in getattr(node, "decorator_list", []))])
    # A `match` has the lines of its cases, too, as long as these do not take them.
    inner = [_span(child)[0] for name in _BODIES if name != "cases" for child in _list(node, name)]
    return first, max(first, min(inner) - 1 if inner else last)


def _list(node: ast.AST, name: str) -> list[ast.AST]:
    value = getattr(node, name, None)
    return value if isinstance(value, list) else []


def _span(node: ast.AST) -> _Lines:
    first: int = node.lineno  # type: ignore[attr-defined]
    return first, getattr(node, "end_lineno", None) or first
