"""The Python files of a suite: those of its tests, all others in their folders, and what these import."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..analysis.impact.blocks import Module
from ..analysis.impact.imports import Import
from ..analysis.impact.program import imports_of, mentions_of
from .run_records import RunRecord

_SOURCES = "src"


def suite_files(record: RunRecord, parse: Callable[[str], Module | None]) -> dict[str, Module | None]:
    """The Python files that the process of the tests loads, or may load, and the server does not, with their syntax.

    ``parse`` returns the syntax of the file at a path.
    """
    parsed: dict[str, Module | None] = {}
    found = {path for path in record.files_of_tests if path.endswith(".py")}
    for folder in record.folders_of_tests:
        found.update(str(path) for path in Path(folder).rglob("*.py"))
    waiting = sorted(found)
    while waiting:
        path = waiting.pop()
        module = parsed[path] = parse(path)
        imported = set(_imported(module, path, record.root)) if module else set()
        new = {one for one in imported - found if not record.ran(one)}
        found |= new
        waiting.extend(sorted(new))
    return dict(sorted(parsed.items()))


def _imported(module: Module, path: str, root: str) -> Iterator[str]:
    """The existing files in the folder of the session, ``root``, that a file imports."""
    bases = list(_bases(path, root))
    for one in imports_of(module):
        folders = [_above(path, one.level)] if one.level else bases
        yield from _files(folders, one)
    for mentions in mentions_of(module):
        # As in import_module("tests.helpers") and pytest_plugins.
        for text in mentions.dotted:
            yield from _files(bases, Import(0, text.partition(":")[0].strip("."), "", ""))


def _bases(path: str, root: str) -> Iterator[str]:
    """The folders in which Python may look for the modules that a file imports."""
    yield from (root, os.path.join(root, _SOURCES))
    folder = os.path.dirname(path)
    while folder.startswith(os.path.join(root, "")):
        yield folder
        folder = os.path.dirname(folder)


def _above(path: str, level: int) -> str:
    folder = path
    for _ in range(level):
        folder = os.path.dirname(folder)
    return folder


def _files(folders: Iterable[str], found: Import) -> Iterator[str]:
    parts = list(filter(None, found.module.split(".")))
    for folder in folders:
        places = [os.path.join(folder, *parts[:length]) for length in range(len(parts) + 1)]
        for place in [*places, os.path.join(places[-1], found.name)]:
            candidates = [os.path.join(place, "__init__.py")]
            candidates += [f"{place}.py"] if place != folder else []
            yield from (os.path.realpath(one) for one in candidates if os.path.isfile(one))
