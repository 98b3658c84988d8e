"""The statements of a run's files as they were when it was recorded, and those that ran, whatever the files are now."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..exports.contexts import why_left_out
from ..exports.reports import local_paths
from ..model.records import FileStatements, Trace
from ..sources.content import EDITED, content_hash
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries, Store
from .old_contents import read_contents

NOT_KEPT = "its content was not kept: it was edited before the run was first reported on"


@dataclass(frozen=True, slots=True)
class RecordedFile:
    """One file of a run: the hash of its ``content`` then, and the bitmap of its ``executed`` statements.

    ``here`` is its path on this machine, which the configuration's [paths] may map to another one.
    """

    path: str
    content: str
    analysis: FileStatements
    executed: int
    here: str

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


def recorded_files(
    store: Store, queries: RunQueries, analyser: StatementAnalyser, further: Iterable[Trace] = ()
) -> RecordedFiles:
    """The files of the runs that ``queries`` are about, under the user's coverage.py configuration.

    ``further`` are traces that count too.

    Of several contents of a file, the present one counts, as in reports, else the last. Files that the configuration
    names but nothing has executed are included.
    """
    executed = _executed(queries, further)
    counted = _counted_contents(queries, executed)
    here, unknown = counted.here, counted.unknown
    reported = {path: content for path, content in counted.contents.items() if analyser.reports_on(here[path])}
    found = _count(store, queries, analyser, reported, here, executed)
    unknown = {path: reason for path, reason in unknown.items() if analyser.reports_on(here[path])}
    return RecordedFiles(found.files, {**unknown, **found.unknown})


def _count(
    store: Store,
    queries: RunQueries,
    analyser: StatementAnalyser,
    contents: Mapping[str, str],
    here: Mapping[str, str],
    executed: Mapping[str, Mapping[str, int]],
) -> RecordedFiles:
    """Count the files in ``contents`` (path → hash); ``executed`` are the lines that ran, by path and hash."""
    analysed = _analysed(store, queries, analyser, {here[path]: content for path, content in contents.items()})
    files: dict[str, RecordedFile] = {}
    unknown: dict[str, str] = {}
    for path, content in sorted(contents.items()):
        analysis = analysed.get(content, NOT_KEPT)
        if isinstance(analysis, str):
            unknown[path] = analysis
        else:
            lines = executed.get(path, {}).get(content, 0)
            files[path] = RecordedFile(path, content, analysis, analysis.executed(lines), here[path])
    return RecordedFiles(files, unknown)


@dataclass(frozen=True)
class CountedContents:
    """The content in which each file of a run counts, by path; ``unknown`` has the reasons for files without one.

    ``here`` are the paths on this machine.
    """

    contents: Mapping[str, str]
    unknown: Mapping[str, str]
    here: Mapping[str, str]


def counted_contents(queries: RunQueries) -> CountedContents:
    """The contents that :func:`recorded_files` counts."""
    return _counted_contents(queries, _executed(queries))


def _counted_contents(queries: RunQueries, executed: Mapping[str, Mapping[str, int]]) -> CountedContents:
    listed = queries.contents.sources()
    here = _local_paths({*executed, *listed})
    recorded = {**{path: {content: 0} for path, content in listed.items()}, **executed}
    return CountedContents(*_choose_versions(recorded, here), here)


def unexecuted_files(
    store: Store, queries: RunQueries, analyser: StatementAnalyser, paths: Iterable[str]
) -> RecordedFiles:
    """Those of the files at ``paths`` that exist, with their present contents: nothing of them was executed."""
    present = {path: content_hash(path) for path in paths if analyser.reports_on(path)}
    present = {path: content for path, content in present.items() if content}
    return _count(store, queries, analyser, present, {path: path for path in present}, {})


def _executed(queries: RunQueries, further: Iterable[Trace] = ()) -> dict[str, dict[str, int]]:
    """The bitmap of the lines that ran, by file and content; contents in the order in which they were first stored."""
    traces = queries.lines.first_executions().keys() | queries.lines.ambient_traces()
    known = queries.lines.contents()
    lines: dict[int, int] = {}
    for _, file, bitmap in queries.lines.rows_of_traces(traces):
        lines[file] = lines.get(file, 0) | bitmap
    executed: dict[str, dict[str, int]] = {}
    for number in sorted(lines):
        path, content = known[number]
        executed.setdefault(path, {})[content] = lines[number]
    for path, ran in ((path, ran) for trace in further for path, ran in trace.files.items()):
        by_content = executed.setdefault(path, {})
        by_content[ran.content] = by_content.get(ran.content, 0) | ran.lines
    return executed


def _local_paths(recorded: set[str]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        local_path = local_paths(recorded, Path(folder))
        return {path: local_path(path) for path in recorded}


def _choose_versions(
    recorded: Mapping[str, Mapping[str, int]], here: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The content in which each file counts, and the reasons for files that have none of a known hash.

    Names that were made up for code, and are those of no file, are in neither.
    """
    chosen: dict[str, str] = {}
    unknown: dict[str, str] = {}
    for path, contents in recorded.items():
        known = [content for content in contents if content not in ("", EDITED)]
        if len(known) > 1 and (present := content_hash(here[path])) in known:
            chosen[path] = present
        elif known:
            chosen[path] = known[-1]
        elif any(contents.values()):
            reason = why_left_out(here[path], next(iter(contents)), content_hash(here[path]))
            unknown |= {path: reason} if reason else {}
        else:
            unknown[path] = NOT_KEPT
    return chosen, unknown


def _analysed(
    store: Store, queries: RunQueries, analyser: StatementAnalyser, files: Mapping[str, str]
) -> Mapping[str, FileStatements | str]:
    """The statements of each content in ``files`` (path → hash) that can be read, or why they cannot be counted."""
    paths = {content: path for path, content in files.items() if content}
    found = store.load_statements(analyser.rules, paths)
    new = analyse_contents(
        queries, analyser, {content: path for content, path in paths.items() if content not in found}
    )
    store.save_statements(analyser.rules, new)
    return {**found, **new}


def analyse_contents(
    queries: RunQueries, analyser: StatementAnalyser, paths: Mapping[str, str]
) -> dict[str, FileStatements | str]:
    """The statements of contents, given by their hashes with a path that had them, or why they cannot be counted.

    Those that were not kept are missing.
    """
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for content, data in read_contents(queries, paths).items():
            copy = Path(folder, f"{content}{os.path.splitext(paths[content])[1]}")
            copy.write_bytes(data)
            found[content] = analyser.analyse_or_explain(str(copy), shown=paths[content])
    return found


def texts_of(queries: RunQueries, files: Iterable[RecordedFile]) -> dict[str, bytes]:
    """The source of ``files`` by the hash of its content; those that are not known any more are missing."""
    return read_contents(queries, {file.content: file.here for file in files})
