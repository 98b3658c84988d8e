"""The coverage of single files, as the reports on some runs count it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import DataError
from ..exports.reports import local_paths, open_reports
from ..model.bitmap import to_bitmap
from ..model.records import FileStatements, Run
from ..sources.content import content_hash
from ..sources.coveragepy import FileChooser, StatementAnalyser
from ..store import RunQueries
from .stored_runs import StoredRuns


@dataclass(frozen=True)
class CoveredFile:
    """A file that has not changed since it was recorded: its statements, and a bitmap of the ``covered`` ones.

    ``numbers`` are those of this content of the file in the store; none if no line of it ran. ``unaffected`` are the
    lines of the tests that the runs left out, by their names.
    """

    analysis: FileStatements
    covered: int
    numbers: Sequence[int] = ()
    unaffected: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class CoveredFiles:
    """The coverage of some files, by their absolute paths.

    ``reported`` are all files that reports count, also those that were not asked for. ``changed`` were recorded with
    another content. ``unrecorded`` are files that the configuration selects and that the runs do not know, because they
    are newer. ``broken`` has the reason for each of those asked for that cannot be parsed. ``recorded`` are all files
    that the runs know.
    """

    files: Mapping[str, CoveredFile]
    reported: Collection[str] = ()
    changed: Collection[str] = ()
    unrecorded: Collection[str] = ()
    broken: Mapping[str, str] = field(default_factory=dict)
    recorded: Collection[str] = ()


def read_coverage(stored: StoredRuns, paths: Collection[str]) -> CoveredFiles:
    """The coverage of those of ``paths`` that were measured in the ``stored`` runs.

    Raises DataError if nothing was measured, or no recorded file is here.
    """
    run = _run_without_requests(stored)
    recorded, source_files = run.contents(), set(run.source_files)
    with tempfile.TemporaryDirectory() as folder:
        local_path = local_paths({path for path, _ in recorded} | source_files, Path(folder))
    contents = _by_path(((local_path(path), content) for path, content in recorded), paths)
    changed = {path for path, known in contents.items() if content_hash(path) not in known}
    try:
        reported = _report(run)
    except DataError:
        # Without a file that is as it was recorded, there is no report.
        if not any(map(content_hash, changed)):
            raise
        reported = {}
    analyser = StatementAnalyser()
    numbers = _numbers(stored.queries, local_path)
    unaffected = _unaffected(stored, local_path)
    files = {}
    for path, (statements, covered) in reported.items():
        if path in paths and path not in changed:
            analysis = _with_further_lines(statements, path, analyser)
            key = path, content_hash(path)
            covered &= analysis.statements
            files[path] = CoveredFile(analysis, covered, numbers.get(key, ()), unaffected.get(key, {}))
    known = set(map(local_path, source_files))
    new = _newer({path for path in paths if path not in contents and path not in known}, known)
    changed = {path for path in changed if analyser.reports_on(path)}
    broken = _broken((path for path in paths if path in contents or path in known), analyser)
    recorded_here = known.union(local_path(path) for path, _ in recorded)
    return CoveredFiles(files, reported.keys(), changed, new - files.keys(), broken, recorded_here)


def _broken(paths: Iterable[str], analyser: StatementAnalyser) -> dict[str, str]:
    """The reasons for those of the files that are no Python, although they are named so."""
    found = {}
    for path in paths:
        if path.endswith(".py") and os.path.isfile(path) and analyser.reports_on(path):
            analysis = analyser.analyse_or_explain(path)
            if isinstance(analysis, str):
                found[path] = analysis.rpartition("as Python source: ")[2]
    return found


def _run_without_requests(stored: StoredRuns) -> Run:
    """The runs as one, as reports need it: its lines and its files."""
    queries = stored.queries
    found = (*queries.lines.traces().values(), *queries.lines.ambient(), *stored.unaffected.traces.values())
    traces = {trace.id: trace for trace in found}
    return Run("", (), (), traces, ambient=list(traces), source_files=sorted(queries.contents.sources()))


def _unaffected(stored: StoredRuns, local_path: Callable[[str], str]) -> dict[tuple[str, str], dict[str, int]]:
    """The lines of the tests that the runs left out, by path and content, and by test."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for test, path, lines in stored.unaffected.lines():
        by_test = found.setdefault((local_path(path), lines.content), {})
        by_test[test] = by_test.get(test, 0) | lines.lines
    return found


def _by_path(pairs: Iterable[tuple[str, str]], paths: Collection[str]) -> dict[str, set[str]]:
    contents: dict[str, set[str]] = {}
    for path, content in pairs:
        if path in paths:
            contents.setdefault(path, set()).add(content)
    return contents


def _report(run: Run) -> dict[str, tuple[FileStatements, int]]:
    """The statements of all reported files, and those that were executed."""
    with open_reports([run], contexts="none") as reports:
        found = reports.json_files()
    files = {}
    for path, file in found.items():
        executed, missing, excluded = (to_bitmap(file[f"{kind}_lines"]) for kind in ("executed", "missing", "excluded"))
        files[path] = FileStatements(executed | missing, excluded), executed
    return files


def _with_further_lines(statements: FileStatements, path: str, analyser: StatementAnalyser) -> FileStatements:
    """The same statements with their further lines, which no report has. A plugin's files have none.

    Old versions of coverage.py report executed lines that are no statements, too.
    """
    analysis = analyser.analyse_or_explain(path)
    if isinstance(analysis, str):
        return statements
    return FileStatements(statements.statements & analysis.statements, statements.excluded, analysis.multiline)


def _numbers(queries: RunQueries, local_path: Callable[[str], str]) -> dict[tuple[str, str], list[int]]:
    numbers: dict[tuple[str, str], list[int]] = {}
    for number, (path, content) in queries.lines.contents().items():
        numbers.setdefault((local_path(path), content), []).append(number)
    return numbers


def _newer(unknown: Collection[str], known: Collection[str]) -> set[str]:
    """Those of the files in ``unknown`` that the runs would know, had they been there.

    They are beside a file that was selected then, and the present configuration selects them.
    """
    folders = set(map(os.path.dirname, known))
    beside = [path for path in unknown if path.endswith(".py") and os.path.dirname(path) in folders]
    if not beside:
        return set()
    chooser = FileChooser()
    return {path for path in beside if os.path.isfile(path) and chooser.disposition(path, None).trace}
