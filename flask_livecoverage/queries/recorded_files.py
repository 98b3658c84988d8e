"""The statements of a run's files as they were when it was recorded, and those that ran, whatever the files are now."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import coverage

from ..model.contents import hash_of
from ..model.records import FileStatements
from ..sources.content import read_source
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries, Store

_NOT_KEPT = "its content was not kept: it was edited before the run was first reported on"


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of a run: the hash of its ``content`` then, and the bitmap of its ``executed`` statements."""

    path: str
    content: str
    analysis: FileStatements
    executed: int

    @property
    def statements(self) -> int:
        """The bitmap of its statements."""
        return self.analysis.statements


@dataclass(frozen=True)
class RecordedFiles:
    """The files of a run by path; ``unknown`` are those whose statements cannot be counted, with the reason."""

    files: Mapping[str, RecordedFile]
    unknown: Mapping[str, str]

    @property
    def statements(self) -> int:
        """The number of statements in all files."""
        return sum(file.statements.bit_count() for file in self.files.values())

    @property
    def executed(self) -> int:
        """The number of statements that ran."""
        return sum(file.executed.bit_count() for file in self.files.values())


def recorded_files(store: Store, queries: RunQueries, analyser: StatementAnalyser) -> RecordedFiles:
    """The files of the runs that ``queries`` are about, under the user's coverage.py configuration.

    A file that had several contents counts with the last of them. Files that the configuration names but nothing has
    executed are included.
    """
    versions, lines = _executed(queries)
    listed = {path: content for path, content in queries.contents.sources().items() if path not in versions}
    reported = {path: content for path, content in {**listed, **versions}.items() if analyser.reports_on(path)}
    analysed = _analysed(store, queries, analyser, reported)
    files: dict[str, RecordedFile] = {}
    unknown: dict[str, str] = {}
    for path, content in sorted(reported.items()):
        analysis = analysed.get(content, _NOT_KEPT)
        if isinstance(analysis, str):
            unknown[path] = analysis
        else:
            files[path] = RecordedFile(path, content, analysis, analysis.executed(lines.get(path, 0)))
    return RecordedFiles(files, unknown)


def _executed(queries: RunQueries) -> tuple[dict[str, str], dict[str, int]]:
    """The last content of each file that ran, and the bitmap of the lines that ran in it."""
    traces = queries.lines.first_executions().keys() | queries.lines.ambient_traces()
    known = queries.lines.contents()
    lines: dict[int, int] = {}
    for _, file, bitmap in queries.lines.rows_of_traces(traces):
        lines[file] = lines.get(file, 0) | bitmap
    # Numbers of files ascend in the order in which their contents were first stored.
    versions = {known[number][0]: number for number in sorted(lines)}
    contents = {path: known[number][1] for path, number in versions.items()}
    return contents, {path: lines[number] for path, number in versions.items()}


def _analysed(
    store: Store, queries: RunQueries, analyser: StatementAnalyser, files: Mapping[str, str]
) -> Mapping[str, FileStatements | str]:
    """The statements of each content in ``files`` (path → hash) that can be read, or why they cannot be counted."""
    paths = {content: path for path, content in files.items() if content}
    found = store.load_statements(analyser.rules, paths)
    missing = {content: path for content, path in paths.items() if content not in found}
    new = {}
    with tempfile.TemporaryDirectory() as folder:
        for content, data in _texts(queries, missing).items():
            copy = Path(folder, f"{content}{os.path.splitext(missing[content])[1]}")
            copy.write_bytes(data)
            new[content] = _statements(analyser, str(copy), missing[content])
    store.save_statements(analyser.rules, new)
    return {**found, **new}


def _statements(analyser: StatementAnalyser, copy: str, path: str) -> FileStatements | str:
    try:
        return analyser.analyse(copy)
    except (coverage.CoverageException, SyntaxError, ValueError) as error:
        return " ".join(str(error).replace(copy, path).split())


def _texts(queries: RunQueries, paths: Mapping[str, str]) -> dict[str, bytes]:
    """The bytes of contents, given by their hashes with a path that had them: those kept, or still on disk."""
    found = queries.contents.load(paths)
    for content in paths.keys() - found.keys():
        with suppress(OSError):
            data = read_source(paths[content])
            if hash_of(data) == content:
                found[content] = data
    return found


def texts_of(queries: RunQueries, files: Iterable[RecordedFile]) -> dict[str, bytes]:
    """The source of ``files`` by the hash of its content; those that were not kept and have changed are missing."""
    return _texts(queries, {file.content: file.path for file in files})
