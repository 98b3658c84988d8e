"""The coverage of single files, as the reports on some runs count it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DataError
from ..exports.reports import local_paths, open_reports
from ..model.bitmap import to_bitmap
from ..model.records import FileStatements, Run
from ..sources.content import content_hash
from ..sources.coveragepy import FileChooser, StatementAnalyser
from ..store import RunQueries


@dataclass(frozen=True)
class CoveredFile:
    """A file that has not changed since it was recorded: its statements, and a bitmap of the ``covered`` ones.

    ``numbers`` are those of this content of the file in the store; none if no line of it ran.
    """

    analysis: FileStatements
    covered: int
    numbers: Sequence[int] = ()


@dataclass(frozen=True)
class CoveredFiles:
    """The coverage of some files, by their absolute paths.

    ``reported`` are all files that reports count, also those that were not asked for. ``changed`` were recorded with
    another content. ``unrecorded`` are files that the configuration selects and that the runs do not know, because they
    are newer.
    """

    files: Mapping[str, CoveredFile]
    reported: Collection[str] = ()
    changed: Collection[str] = ()
    unrecorded: Collection[str] = ()


def read_coverage(runs: Sequence[Run], queries: RunQueries, paths: Collection[str]) -> CoveredFiles:
    """The coverage of those of ``paths`` that were measured in ``runs``, which ``queries`` are about.

    Raises DataError if nothing was measured, or no recorded file is here.
    """
    recorded, source_files = _recorded(runs)
    with tempfile.TemporaryDirectory() as folder:
        local_path = local_paths({path for path, _ in recorded} | source_files, Path(folder))
    contents = _by_path(((local_path(path), content) for path, content in recorded), paths)
    changed = {path for path, known in contents.items() if content_hash(path) not in known}
    try:
        reported = _report(runs)
    except DataError:
        # Without a file that is as it was recorded, there is no report.
        if not any(map(content_hash, changed)):
            raise
        reported = {}
    analyser = StatementAnalyser()
    numbers = _numbers(queries, local_path)
    files = {}
    for path, (statements, covered) in reported.items():
        if path in paths and path not in changed:
            analysis = _with_further_lines(statements, path, analyser)
            numbers_here = numbers.get((path, content_hash(path)), ())
            files[path] = CoveredFile(analysis, covered & analysis.statements, numbers_here)
    known = set(map(local_path, source_files))
    new = _newer({path for path in paths if path not in contents and path not in known}, known)
    changed = {path for path in changed if analyser.reports_on(path)}
    return CoveredFiles(files, reported.keys(), changed, new - files.keys())


def _recorded(runs: Iterable[Run]) -> tuple[set[tuple[str, str]], set[str]]:
    """The paths and contents of the recorded files, and the paths of those that the configuration selected then."""
    recorded = {pair for run in runs for pair in run.contents()}
    return recorded, {path for run in runs for path in run.source_files}


def _by_path(pairs: Iterable[tuple[str, str]], paths: Collection[str]) -> dict[str, set[str]]:
    contents: dict[str, set[str]] = {}
    for path, content in pairs:
        if path in paths:
            contents.setdefault(path, set()).add(content)
    return contents


def _report(runs: Sequence[Run]) -> dict[str, tuple[FileStatements, int]]:
    """The statements of all reported files, and those that were executed."""
    with open_reports(runs, contexts="none") as reports:
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
