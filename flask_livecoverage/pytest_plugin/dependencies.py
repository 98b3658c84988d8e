"""The files of the suite that a test depends on: its own, its conftest files, and those of its fixtures."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ..model.text import MAX_PATH_LENGTH


class Dependencies:
    """Finds the files of each test, relative to the root of the session, with slashes. Files elsewhere are left out."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._roots = list(dict.fromkeys((config.rootpath, config.rootpath.resolve())))
        # A virtual environment may lie in the project.
        self._installed = Path(sys.prefix).resolve()
        # By the names of fixtures. Several may share one, so a test may get a file too many.
        self._of_fixtures: dict[str, set[str]] = {}
        self._of_folders: dict[Path, set[str]] = {}
        self._relative: dict[str, str | None] = {}

    def note_fixture(self, definition: pytest.FixtureDef[Any]) -> None:
        """Note the file of a fixture that is set up now."""
        self._of_fixtures.setdefault(definition.argname, set()).update(_files_of_function(definition.func))

    def of(self, item: pytest.Item) -> tuple[str, ...]:
        """Return the files of a test whose fixtures are set up, sorted; empty if one has a path that is no text."""
        files = {str(item.path), *self._conftest_files(item.path.parent), *_files_of_class(item)}
        definitions = _definitions(item)
        for name in _fixture_names(item):
            # Those that the test got by getfixturevalue() are known by their names alone.
            known = definitions.get(name)
            files |= self._of_fixtures.get(name, set()) if known is None else set(_files_of_fixtures(known))
        found = sorted({path for path in map(self._relative_path, files) if path})
        return tuple(found) if all(map(_is_plain, found)) else ()

    def _conftest_files(self, folder: Path) -> set[str]:
        """Return the conftest files that apply to the tests in ``folder``."""
        if folder not in self._of_folders:
            wanted = {parent / "conftest.py" for parent in (folder, *folder.parents)}
            modules = self._config.pluginmanager.get_plugins()
            loaded = {Path(file) for module in modules if (file := getattr(module, "__file__", None))}
            self._of_folders[folder] = {str(path) for path in wanted & loaded}
        return self._of_folders[folder]

    def _relative_path(self, file: str) -> str | None:
        if file not in self._relative:
            self._relative[file] = self._below_root(Path(file))
        return self._relative[file]

    def _below_root(self, path: Path) -> str | None:
        if not path.is_absolute():
            return None  # of code that was compiled from a text
        if path.resolve().is_relative_to(self._installed) and not self._roots[-1].is_relative_to(self._installed):
            return None
        for candidate in (path, path.resolve()):
            for root in self._roots:
                if candidate.is_relative_to(root):
                    return candidate.relative_to(root).as_posix()
        return None


# No public attribute leads from a test to its request or to the definitions of its fixtures. Without them, the names of
# the test's own fixtures remain, and what the hook has noted by these names.


def _fixture_names(item: pytest.Item) -> Iterable[str]:
    """Return the names of the fixtures of a test, also those that it got by ``getfixturevalue()``."""
    holder = getattr(item, "_request", None) or item
    return getattr(holder, "fixturenames", ())


def _definitions(item: pytest.Item) -> Mapping[str, Sequence[pytest.FixtureDef[Any]]]:
    """Return the definitions of the test's own fixtures, and of those that they use, by name."""
    return getattr(getattr(item, "_fixtureinfo", None), "name2fixturedefs", {})


def _files_of_fixtures(definitions: Iterable[pytest.FixtureDef[Any]]) -> Iterator[str]:
    for definition in definitions:
        yield from _files_of_function(definition.func)


def _files_of_class(item: pytest.Item) -> Iterator[str]:
    """Yield the files of the test's class and of its base classes, from which it may inherit tests."""
    for kind in getattr(getattr(item, "cls", None), "__mro__", ()):
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        if file:
            yield file


def _files_of_function(function: Any) -> Iterator[str]:
    """Yield the file of a function, and that of the function that it wraps."""
    function = getattr(function, "func", function)  # of a functools.partial
    for one in (function, inspect.unwrap(function)):
        # Not of what is written in C.
        with suppress(TypeError):
            yield inspect.getfile(one)


def _is_plain(path: str) -> bool:
    return path.isprintable() and "\\" not in path and len(path) <= MAX_PATH_LENGTH
