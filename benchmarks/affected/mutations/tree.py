"""The files of an application's repository, as texts, and the places in a Python file."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

Function = ast.FunctionDef | ast.AsyncFunctionDef
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# None for a file that is removed.
Changes = dict[str, str | None]


@dataclass(frozen=True)
class Edit:
    """The bytes from ``start`` to ``end`` become ``text``."""

    start: int
    end: int
    text: str
    title: str


class Source:
    """A Python file with its syntax tree; positions are in bytes."""

    def __init__(self, text: str) -> None:
        self.data = text.encode()
        self.tree = ast.parse(text)
        self._starts = [0]
        for line in self.data.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self.parents = {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @property
    def lines(self) -> int:
        """The number of its lines."""
        return len(self._starts) - 1

    def line_start(self, number: int) -> int:
        """The position at which a line begins; that of the end for the line after the last."""
        return self._starts[min(number, len(self._starts)) - 1]

    def span(self, node: ast.AST) -> tuple[int, int]:
        """The positions of a node."""
        start = self._starts[node.lineno - 1] + node.col_offset  # type: ignore[attr-defined]
        end = self._starts[node.end_lineno - 1] + node.end_col_offset  # type: ignore[attr-defined]
        return start, end

    def text(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self.span(node)
        return self.data[start:end].decode()

    def block(self, node: ast.stmt) -> tuple[int, int]:
        """The positions of a statement's whole lines, decorators included."""
        first = min([node.lineno, *(item.lineno for item in getattr(node, "decorator_list", []))])
        assert node.end_lineno is not None
        return self.line_start(first), self.line_start(node.end_lineno + 1)

    def block_text(self, node: ast.stmt) -> str:
        """The text of a statement's whole lines, which end with a line end."""
        start, end = self.block(node)
        text = self.data[start:end].decode()
        return text if text.endswith("\n") else text + "\n"

    def apply(self, edit: Edit) -> str:
        """The text of the file with an edit."""
        return (self.data[: edit.start] + edit.text.encode() + self.data[edit.end :]).decode()

    def replace(self, node: ast.AST, text: str, title: str) -> Edit:
        """An edit that replaces a node."""
        return Edit(*self.span(node), text, f"line {node.lineno}: {title}")  # type: ignore[attr-defined]

    def insert(self, number: int, text: str, title: str) -> Edit:
        """An edit that adds lines before a line."""
        start = self.line_start(number)
        lead = "\n" if start and self.data[start - 1 : start] != b"\n" else ""
        return Edit(start, start, lead + text, f"line {number}: {title}")

    def walk(self, *kinds: type[ast.AST]) -> Iterator[ast.AST]:
        """The nodes of these kinds, in the order of the file, without those in f-strings, which have no positions."""
        for node in ast.walk(self.tree):
            if isinstance(node, kinds) and not self.is_within(node, (ast.JoinedStr,)):
                yield node

    def is_within(self, node: ast.AST, kinds: tuple[type[ast.AST], ...]) -> bool:
        """True if a node is a part of one of these kinds."""
        parent = self.parents.get(node)
        while parent is not None:
            if isinstance(parent, kinds):
                return True
            parent = self.parents.get(parent)
        return False

    def functions(self) -> list[Function]:
        """All functions and methods."""
        return [node for node in ast.walk(self.tree) if isinstance(node, FUNCTIONS)]

    def classes(self) -> list[ast.ClassDef]:
        """All classes."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.ClassDef)]


@functools.lru_cache(maxsize=4096)
def source_of(text: str) -> Source:
    """Parse a text, or return what was parsed before."""
    return Source(text)


def indent_of(node: ast.stmt) -> str:
    """The white space before a statement."""
    return " " * node.col_offset


def is_docstring(node: ast.AST) -> bool:
    """True for a statement that is a text alone."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


class Tree:
    """The texts of a repository by path; ``sources`` are the folders of the application."""

    def __init__(self, files: Mapping[str, str], sources: Sequence[str]) -> None:
        self.files = dict(files)
        self.sources = tuple(f"{source}/" for source in sources)

    @classmethod
    def read(cls, folder: Path, names: Sequence[str], sources: Sequence[str]) -> Tree:
        """Read the files of these names; those that are no text are left out."""
        files = {}
        for name in names:
            try:
                files[name] = (folder / name).read_bytes().decode()
            except UnicodeDecodeError:
                continue
        return cls(files, sources)

    def changed(self, changes: Changes) -> Tree:
        """The tree with some files changed."""
        files = {**self.files, **changes}
        return Tree(
            {name: text for name, text in files.items() if text is not None},
            [item.rstrip("/") for item in self.sources],
        )

    @property
    def python(self) -> list[str]:
        """The application's Python files."""
        return [name for name in self.application if name.endswith(".py")]

    @property
    def application(self) -> list[str]:
        """The application's files."""
        return [name for name in self.files if name.startswith(self.sources) and not is_test(name)]

    @property
    def templates(self) -> list[str]:
        """The application's templates."""
        return [name for name in self.application if "templates" in PurePosixPath(name).parts]

    @property
    def data(self) -> list[str]:
        """The application's other files: styles, scripts, SQL, JSON, settings."""
        return [name for name in self.application if not name.endswith(".py") and name not in self.templates]

    @property
    def tests(self) -> list[str]:
        """The Python files of the suite."""
        return [name for name in self.files if is_test(name) and name.endswith(".py")]


def is_test(name: str) -> bool:
    """True for a file of the suite."""
    parts = PurePosixPath(name).parts
    return "tests" in parts or parts[-1] == "conftest.py"
