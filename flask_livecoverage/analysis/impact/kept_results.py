"""Code whose results are kept, so that tests use them without running it again.

That is the code of modules that a test was the first to import, functions behind a cache, and functions that set
globals. Only the first test ran the functions that these call. So a change of such a function also reaches the tests
that ran anything in the module that keeps the result.

Files of tests that import the application are treated alike: what they call runs in a process that is not measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

from .blocks import Function
from .mentions import Mentions
from .program import Program, SourceFile, mentions_of


class KeptResults:
    """The results that the modules of a program keep, in either version."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def keepers(self, function: Function, path: str) -> frozenset[str]:
        """The modules that may keep a result of a function, judging by its name."""
        return frozenset(
            keeper
            for keeper, names in self._called.items()
            if _is_called(function, names) and keeper in self._program.dependents(path)
        )

    @cached_property
    def _called(self) -> Mapping[str, frozenset[str]]:
        """The names that the code whose results are kept calls, directly or not, by module."""
        paths = (*self._program.files, *self._program.clients)
        return {path: names for path in paths if (names := self._names_called_by(path))}

    def _names_called_by(self, path: str) -> frozenset[str]:
        names = {name for mentions in self._keeping(path) for name in _names_in(mentions)}
        functions = [
            function
            for other in self._program.files
            if names and path in self._program.dependents(other)
            for side in self._program.sides(other)
            for function in side.functions
        ]
        while True:
            called = {
                name for function in functions if _is_called(function, names) for name in _names_in(function.mentions)
            }
            if called <= names:
                return frozenset(names)
            names |= called

    def _keeping(self, path: str) -> Iterator[Mentions]:
        if path in self._program.clients:
            yield from mentions_of(self._program.clients[path])
            return
        for side in self._program.sides(path):
            if _is_imported_by_tests(self._program.files[path]):
                yield from (item.mentions for item in side.all_items if item.effect)
            yield from (function.mentions for function in side.functions if function.keeps)


def _is_imported_by_tests(file: SourceFile) -> bool:
    if not file.old or file.old.broken:
        return False
    lines = file.old.lines_at_import
    return bool(lines & file.executed) and not lines & file.ambient


def _names_in(mentions: Mentions) -> frozenset[str]:
    return mentions.names | mentions.attributes | mentions.words


def _is_called(function: Function, names: frozenset[str] | set[str]) -> bool:
    owner, _, name = function.name.rpartition(".")
    special = name.startswith("__") and owner.rpartition(".")[2] in names
    return name in names or special
