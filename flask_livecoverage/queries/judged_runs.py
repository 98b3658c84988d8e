"""Judges the changes since a run: of the files that it measured, and which other paths have changed."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import packages_distributions
from pathlib import Path

from ..analysis.impact.blocks import Module, parse
from ..analysis.impact.imports import Modules
from ..analysis.impact.judgement import judge
from ..analysis.impact.program import Program, SourceFile
from ..analysis.impact.reach import Change, Reach
from ..exports.dump import relative_path
from ..model.contents import hash_of
from ..sources.selection import Sources, configured_sources
from .importable_names import kind_of
from .present_files import ChangedPath, PresentFiles, read_file
from .run_records import RunRecord
from .suite_files import suite_files

# What in a template is no text.
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_WORD = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class JudgedRun:
    """The changes since a run. Paths are relative to ``base``, if they are in it.

    ``changes`` are those of measured files; ``importers`` are the files that import a file, by its path. ``others`` are
    the changed paths that the run did not measure, and that have no test's lines.
    """

    record: RunRecord
    changes: Sequence[Change]
    importers: Mapping[str, Collection[str]]
    others: Sequence[ChangedPath]


class RunJudge:
    """Judges the changes since runs. What was parsed is kept, so that one object can judge many changes.

    :param base: the folder to which paths are relative.
    """

    def __init__(self, base: str, *, strict: bool = False) -> None:
        self.base = base
        self._strict = strict
        self._parsed: dict[str, Module] = {}
        self._suites: dict[str, Mapping[str, Module | None]] = {}
        self._words: dict[str, frozenset[str]] = {}

    def judge(self, record: RunRecord, files: PresentFiles) -> JudgedRun:
        """The changes since ``record``."""
        sources, moved = self._sources(record, files)
        new, others = self._divide(record, files, moved)
        sources |= new
        importers: dict[str, set[str]] = {}
        for importer, imported in record.imports:
            importers.setdefault(self._shown(imported), set()).add(self._shown(importer))
        installed = frozenset(packages_distributions()) if new else frozenset()
        words = self._template_words(record)
        program = Program(sources, importers, words, installed, kind_of, self._clients(record))
        changes = [*judge(program, strict=self._strict), *self._start_up_unknown(record, sources)]
        return JudgedRun(record, changes, program.importers, others)

    def _sources(self, record: RunRecord, files: PresentFiles) -> tuple[dict[str, SourceFile], set[str]]:
        """The files that a run measured, by their paths, and the new paths of those that were renamed."""
        found: dict[str, SourceFile] = {}
        moved = set()
        for path in record.files:
            sides = files.sides(record, path)
            old, new = self._parse(sides.old), self._parse(sides.new)
            if sides.moved:
                moved.add(sides.moved)
            if sides.moved and not self._is_same_module(record, path, sides.moved):
                # To the code that imports it, it is gone.
                found[self._shown(sides.moved)] = SourceFile(self._shown(sides.moved), None, new, recorded=False)
                new = None
            name = self._shown(path)
            found[name] = SourceFile(name, old, new, record.outside.get(path, 0), record.ran(path))
        return found, moved

    def _divide(
        self, record: RunRecord, files: PresentFiles, moved: Collection[str]
    ) -> tuple[dict[str, SourceFile], list[ChangedPath]]:
        """The changed paths that a run did not measure: new files of the application, and all others."""
        new: dict[str, SourceFile] = {}
        others = []
        folders = {os.path.dirname(path) for path in record.files}
        for one in files.changed(record):
            is_judged = one.path in record.files and not self._is_of_tests(record, one.path)
            if (one.path in moved or is_judged) and not one.has_other_mode:
                continue
            if one.exists and one.is_new and self._is_measured(one.path, folders):
                name = self._shown(one.path)
                new[name] = SourceFile(name, None, self._parse(files.read(one.path)), recorded=False)
            else:
                others.append(one)
        return new, others

    def _is_of_tests(self, record: RunRecord, path: str) -> bool:
        """True for files that never ran in the server, in the folders of tests or imported from there."""
        in_tests = any(path.startswith(folder) for folder in record.folders_of_tests)
        return not record.ran(path) and (in_tests or path in self.suite_files(record))

    def suite_files(self, record: RunRecord) -> Mapping[str, Module | None]:
        """The files of the tests, and the modules that these import, which may import the application."""
        if record.id not in self._suites:
            self._suites[record.id] = suite_files(record, lambda path: self._parse(read_file(path)))
        return self._suites[record.id]

    def _clients(self, record: RunRecord) -> Mapping[str, Module]:
        return {self._shown(path): module for path, module in self.suite_files(record).items() if module}

    def _is_measured(self, path: str, folders: Collection[str]) -> bool:
        if not path.endswith(".py"):
            return False
        return path in self._possible_files if self._possible_files else os.path.dirname(path) in folders

    def _is_same_module(self, record: RunRecord, path: str, moved: str) -> bool:
        return _dotted(path, record.files) == _dotted(moved, {*record.files, *_packages_above(moved)})

    def _start_up_unknown(self, record: RunRecord, sources: Mapping[str, SourceFile]) -> Iterator[Change]:
        """All tests, if anything has changed and it was not recorded which code ran at start-up."""
        if record.executed and not record.outside:
            for path, file in sources.items():
                if not file.is_unchanged:
                    yield Change(path, (), "the run did not record which code runs at start-up", Reach.ALL)

    def _parse(self, content: bytes | None) -> Module | None:
        if content is None:
            return None
        key = hash_of(content)
        if key not in self._parsed:
            self._parsed[key] = parse(content)
        return self._parsed[key]

    def _shown(self, path: str) -> str:
        return relative_path(path, self.base).replace(os.sep, "/")

    def _template_words(self, record: RunRecord) -> frozenset[str]:
        if record.id not in self._words:
            folders = {os.path.dirname(path) for path in record.files} | {self.base}
            self._words[record.id] = frozenset(_template_words(folders))
        return self._words[record.id]

    @cached_property
    def _possible_files(self) -> frozenset[str]:
        """The files that the configuration selects now; none without a configured source."""
        found = Sources(configured_sources(os.environ)).possible_files()
        return frozenset(map(os.path.realpath, found))


def _template_words(folders: Iterable[str]) -> Iterator[str]:
    """The words in the tags of all templates beside the application's code."""
    for folder in folders:
        for path in Path(folder, "templates").rglob("*"):
            with suppress(OSError):
                if path.is_file():
                    text = path.read_bytes().decode("utf-8", "replace")
                    yield from (word for tag in _TAG.findall(text) for word in _WORD.findall(tag))


def _dotted(path: str, files: Collection[str]) -> str:
    return Modules([*files, path]).name(path)


def _packages_above(path: str) -> list[str]:
    folders = Path(path).parents
    return [str(folder / "__init__.py") for folder in folders if (folder / "__init__.py").exists()]
