"""Every module that depends on the interpreter has its tests among those that are run on each one."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from types import CodeType

import pytest

from . import test_architecture as architecture
from .support.marks import END_TO_END, INTERPRETER, SERVER, WITHIN, marks_of

# What differs from one Python to another, as a module of the package would write it.
NAMES = {
    "_current_frames", "_getframe", "f_lasti", "meta_path", "monitoring", "setprofile", "settrace", "version_info",
    *(name for name in dir(CodeType) if name.startswith("co_")),
}  # fmt: skip
IMPORTS = {"ast", "ctypes", "dis", "opcode"}

# They differ in what is unlikely to go wrong in one version alone.
STEADY = {
    "helper_process": "one choice between two environment variables, at the start of every process of the dashboard",
}


def differences(tree: ast.AST) -> Iterator[str]:
    """The names in a module that depend on the interpreter."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in NAMES:
            yield node.attr
        elif isinstance(node, ast.Import):
            yield from IMPORTS & {alias.name for alias in node.names}


def files_of(module: str) -> list[Path]:
    """The files of tests that are about a module, relative to the root of the tests."""
    named = architecture.TestTests.NAMED.items()
    found = [path for path, names in named if module in names or architecture.named_by_file(path) == module]
    return [path.relative_to(architecture.TESTS.name) for path in found]


def test_modules_that_depend_on_the_interpreter_are_tested_on_each() -> None:
    trees = {name: ast.parse(path.read_text()) for name, path in architecture.MODULES.items()}
    dependent = {name for name, tree in trees.items() if {*differences(tree)}}
    assert {"engines.locations", "recording.greenlet_contexts"} < dependent
    wrong = {
        name: [str(file) for file in files_of(name) if "interpreter" not in marks_of(file, ())]
        for name in dependent - STEADY.keys()
    }
    assert {name: files for name, files in wrong.items() if files} == {}


def test_differences_are_found() -> None:
    text = "import sys, ast\nsys.monitoring.get_tool(0)\nif sys.version_info < (3, 12): f.__code__.co_lines()\n"
    assert {*differences(ast.parse(text))} == {"ast", "monitoring", "version_info", "co_lines"}
    assert not {*differences(ast.parse("import json, sys\nsys.path\n"))}


@pytest.mark.parametrize("path", [*INTERPRETER, *END_TO_END, *SERVER, *WITHIN])
def test_marked_paths_exist(path: str) -> None:
    assert (architecture.TESTS / path).exists()


@pytest.mark.parametrize(
    ("path", "uses", "marks"),
    [
        ("engines/test_choice.py", (), ["interpreter"]),
        ("end_to_end/work/test_late.py", (), ["interpreter"]),
        ("end_to_end/test_truth.py", (), ["interpreter", "end_to_end"]),
        ("cli/test_main.py", ("commands",), ["end_to_end"]),
        ("cli/test_main.py", ("invoke",), []),
        ("dashboard/test_source.py", ("browser",), ["end_to_end"]),
        ("serving/test_launcher.py", ("commands",), ["end_to_end", "server"]),
    ],
)
def test_folders_and_fixtures_decide(path: str, uses: tuple[str, ...], marks: list[str]) -> None:
    assert [*marks_of(Path(path), uses)] == marks
