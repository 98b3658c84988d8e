"""Keeps the snapshot of a run up to date: reads each new record of the store once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..analysis.new_lines import NewLines
from ..exports.dump import relative_path
from ..model.records import FileStatements
from ..queries.recorded_files import NOT_KEPT
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries, Store
from .snapshot import FileSnapshot, FirstExecution, Snapshot
from .source_versions import Analysed, SourceVersions

# Counts are saved after this many files, so that the next process need not count them again.
_ANALYSED_AT_ONCE = 50
_GROWTH_POINTS = 100

Progress = Callable[[str], None]


@dataclass(frozen=True)
class StoredPeriod:
    """A period of a run, between two resets. The number ``run`` is only valid in this ``store``.

    ``number`` is None for the whole run.
    """

    store: str
    run: int
    number: int | None


@dataclass(frozen=True)
class _Row:
    trace: int
    file: int
    lines: int


class Aggregator:
    """Adds up which lines of which files were executed in one run.

    :param versions: the contents of files that count.
    """

    def __init__(self, versions: SourceVersions, analyser: StatementAnalyser) -> None:
        self._contents = versions
        self._analyser = analyser
        self._analysed: dict[str, Analysed] = {}
        self._period: StoredPeriod | None = None
        # The paths of all files that are reported on, executed or not, and the hashes of their contents that count.
        self._reported: dict[str, str] = {}
        self._clear()

    def _clear(self) -> None:
        self._new_lines = NewLines()
        # The digest and the first time of each trace, by its number.
        self._traces: dict[int, tuple[str, float]] = {}
        self._ambient: set[int] = set()
        # The path and the content of each file that was executed, by its number; and those that cannot be counted.
        self._files: dict[int, tuple[str, str]] = {}
        self._skipped: set[int] = set()
        # The files whose lines are included in the following.
        self._added: set[int] = set()
        self._lines: dict[str, int] = {}
        self._file_snapshots: dict[str, FileSnapshot] = {}
        self._first_executions: dict[str, FirstExecution] = {}

    def update(
        self, store: Store, queries: RunQueries, period: StoredPeriod, version: str, report: Progress
    ) -> Snapshot:
        """Return the snapshot of ``queries``, which contains the records of ``period``."""
        self._contents.refresh(queries)
        traces, ambient = queries.lines.first_executions(), queries.lines.ambient_traces()
        # Late lines are ambient only until the record of their request is stored.
        if period != self._period or self._has_content_changed() or not self._ambient <= ambient:
            self._clear()
            self._period = period
        new = {number for number, trace in traces.items() if self._traces.get(number) != trace}
        rows = [_Row(*row) for row in queries.lines.rows_of_traces(new | ambient - self._ambient)]
        self._load_files(queries, {row.file for row in rows})
        self._reported = self._find_reported()
        self._analyse_statements(store, queries, report)
        known, self._traces, self._ambient = self._traces, traces, ambient
        self._add(rows, known)
        files = self._make_file_snapshots(queries.root)
        if rows or files != self._file_snapshots:
            self._file_snapshots, self._first_executions = files, self._find_first_executions(files.values())
        return self._make_snapshot(queries, period, version, store.warnings)

    def _has_content_changed(self) -> bool:
        """True if a file has changed whose lines were added, or a file whose lines were skipped has changed back."""
        return any(map(self._is_analysed, self._skipped)) or not all(map(self._is_analysed, self._added))

    def _load_files(self, queries: RunQueries, numbers: set[int]) -> None:
        if not numbers <= self._files.keys():
            contents = queries.lines.contents()
            self._files.update((number, contents[number]) for number in numbers & contents.keys())

    def _is_analysed(self, number: int) -> bool:
        path, content = self._files[number]
        return content == self._contents[path] and isinstance(self._analysed.get(content), FileStatements)

    def _find_reported(self) -> dict[str, str]:
        # As in coverage.py's reports, a changed file counts as not executed if the configuration names it, else not.
        current = {path for path, content in self._files.values() if content == self._contents[path]}
        paths = current.union(self._contents.listed)
        return {path: self._contents[path] for path in paths if self._is_reported(path)}

    def _is_reported(self, path: str) -> bool:
        return self._analyser.reports_on(self._contents.here(path))

    def _analyse_statements(self, store: Store, queries: RunQueries, report: Progress) -> None:
        here = self._contents.here
        unknown = {content: here(path) for path, content in self._reported.items() if content not in self._analysed}
        unknown.pop("", None)
        rules = self._analyser.rules
        saved = store.load_statements(rules, unknown)
        self._analysed.update(saved)
        left = [(content, path) for content, path in unknown.items() if content not in saved]
        for start in range(0, len(left), _ANALYSED_AT_ONCE):
            report(f"Counting statements: {start:,} of {len(left):,} files")
            batch = dict(left[start : start + _ANALYSED_AT_ONCE])
            found = self._contents.analyse(queries, batch)
            store.save_statements(rules, found)
            self._analysed.update({**dict.fromkeys(batch, NOT_KEPT), **found})

    def _add(self, rows: Sequence[_Row], known: Mapping[int, tuple[str, float]]) -> None:
        """Add the lines of traces; ``known`` traces were added before, with a first time that was too late."""
        analysed = {file for file in {row.file for row in rows} if self._is_analysed(file)}
        self._skipped |= {row.file for row in rows} - analysed
        self._added |= analysed
        timed = [(*self._traces.get(row.trace, ("", 0.0)), row) for row in rows if row.file in analysed]
        for digest, at, row in sorted(timed, key=lambda item: item[1]):
            analysis = self._analysed[self._files[row.file][1]]
            assert isinstance(analysis, FileStatements)
            lines = analysis.executed(row.lines)
            if row.trace in self._ambient:
                self._new_lines.add_base(row.file, lines)
            if digest:
                self._new_lines.add(row.file, digest, at, lines)
                if row.trace not in known:
                    self._lines[digest] = self._lines.get(digest, 0) + lines.bit_count()

    def _make_file_snapshots(self, root: str) -> dict[str, FileSnapshot]:
        """Return the snapshots of all files by path; unchanged ones are the objects made before."""
        current = {path: number for number, (path, content) in self._files.items() if content == self._contents[path]}
        files = {}
        for path, content in self._reported.items():
            analysis = self._analysed.get(content)
            if isinstance(analysis, FileStatements):
                number, name = current.get(path), relative_path(path, root)
                file = FileSnapshot(path, name, content, number, analysis, self._new_lines.covered(number))
                before = self._file_snapshots.get(path)
                files[path] = before if before is not None and before == file else file
        return files

    def _make_snapshot(
        self, queries: RunQueries, period: StoredPeriod, version: str, warnings: Sequence[str]
    ) -> Snapshot:
        root, firsts = queries.root, self._first_executions
        files = sorted(self._file_snapshots.values(), key=lambda file: file.name)
        unreadable = [
            (relative_path(path, root), reason)
            for path, content in self._reported.items()
            if isinstance(reason := self._analysed.get(content), str)
        ]
        lost = self._contents.unknown.items()
        unreadable += [(relative_path(path, root), reason) for path, reason in lost if self._is_reported(path)]
        stale = {path for path, content in self._files.values() if self._contents.is_stale(path, content)}
        at_startup = sum(file.executed for file in files) - sum(first.new for first in firsts.values())
        return Snapshot(
            run=period.run,
            period=period.number,
            version=version,
            files={file.key: file for file in files},
            changed=sorted(relative_path(path, root) for path in stale if self._is_reported(path)),
            unreadable=sorted(unreadable),
            requests=queries.requests.count(),
            lines=dict(self._lines),
            first_executions=firsts,
            at_startup=at_startup,
            growth=_growth_points(queries, firsts, at_startup),
            warnings=[*warnings],
        )

    def _find_first_executions(self, files: Iterable[FileSnapshot]) -> dict[str, FirstExecution]:
        firsts: dict[str, FirstExecution] = {}
        for file in files:
            for share in self._new_lines.shares(file.number):
                before = firsts.get(share.trace, FirstExecution(share.at, 0))
                firsts[share.trace] = FirstExecution(before.at, before.new + share.lines.bit_count())
        return firsts


def _growth_points(queries: RunQueries, firsts: dict[str, FirstExecution], at_startup: int) -> list[tuple[int, int]]:
    """Return the points at which the number of covered statements rose; few, since each costs a query of the store."""
    covered, rises = at_startup, []
    for first in sorted(firsts.values(), key=lambda first: first.at):
        covered += first.new
        rises.append((first.at, covered))
    step = -(-len(rises) // _GROWTH_POINTS)
    # The last one of each step, which includes the last of all.
    shown = rises[::-1][:: step or 1][::-1]
    counts = queries.requests.counts_until([at for at, _ in shown])
    return [(0, at_startup), *((count, covered) for count, (_, covered) in zip(counts, shown, strict=True))]
