"""Keeps the figures of a run up to date: reads what is new in the store, once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import coverage

from ..analysis.growth import Growth
from ..exports.dump import relative_path
from ..model.records import FileStatements
from ..sources.coveragepy import StatementCounter
from ..sources.selection import content_hash, stat_source
from ..store import RunQueries, Store
from .snapshot import Figures, FileFigures, First

# So often is what was counted kept, in files: the next process need not count it again.
_COUNTED_AT_ONCE = 50
_CURVE_POINTS = 100

Progress = Callable[[str], None]


@dataclass(frozen=True)
class StoredPeriod:
    """What figures are about: a period of a run. The run's number is the store's: another store has other numbers."""

    store: str
    run: int
    number: int


@dataclass(frozen=True)
class _Row:
    trace: int
    file: int
    lines: int


class Contents:
    """What is in files: hashes of their content, made again only for files that have changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], str]] = {}
        self._seen: dict[str, str] = {}

    def look_again(self) -> None:
        """From now on tell what is in them now; until then each stays what it was when it was asked for first."""
        self._seen.clear()

    def __getitem__(self, path: str) -> str:
        seen = self._seen.get(path)
        if seen is None:
            seen = self._seen[path] = self._look(path)
        return seen

    def _look(self, path: str) -> str:
        try:
            found = stat_source(path)
        except OSError:
            return ""
        now = found.st_mtime_ns, found.st_size
        known = self._known.get(path)
        if known is None or known[0] != now:
            known = self._known[path] = now, content_hash(path)
        return known[1]


class Ledger:
    """What was executed in one run, line by line.

    :param source_files: the paths of all files that the configuration wants measured, executed or not.
    """

    def __init__(self, source_files: Sequence[str], counter: StatementCounter) -> None:
        self._source_files = source_files
        self._counter = counter
        self._contents = Contents()
        self._counted: dict[str, FileStatements | str] = {}
        self._period: StoredPeriod | None = None
        # The paths of all files that are reported on, executed or not, and their contents now.
        self._reported: dict[str, str] = {}
        self._begin()

    def _begin(self) -> None:
        self._growth = Growth()
        self._told: dict[int, tuple[str, float]] = {}
        self._ambient: set[int] = set()
        # The path and the content of each file that was executed, by its number; and those that cannot be counted.
        self._files: dict[int, tuple[str, str]] = {}
        self._passed_over: set[int] = set()
        # The files whose lines are counted in what follows.
        self._added: set[int] = set()
        self._lines: dict[str, int] = {}
        self._shown: dict[str, FileFigures] = {}
        self._first_to_run: dict[str, First] = {}

    def update(self, store: Store, recorded: RunQueries, period: StoredPeriod, version: str, tell: Progress) -> Figures:
        """The figures of what ``recorded`` holds, which is ``period``."""
        self._contents.look_again()
        if period != self._period or self._contents_changed():
            self._begin()
            self._period = period
        told, ambient = recorded.lines.told_traces(), recorded.lines.ambient_traces()
        new = {trace for trace, about in told.items() if self._told.get(trace) != about} | ambient - self._ambient
        rows = [_Row(*row) for row in recorded.lines.rows_of_traces(new)]
        self._learn_files(recorded, {row.file for row in rows})
        self._reported = self._find_reported()
        self._count_statements(store, tell)
        known, self._told, self._ambient = self._told, told, ambient
        self._add(rows, known)
        shown = self._show(recorded.root)
        if rows or shown != self._shown:
            self._shown, self._first_to_run = shown, self._firsts(shown.values())
        return self._figures(recorded, period, version, store.warnings)

    def _contents_changed(self) -> bool:
        """Whether lines were added of a file that has changed since, or passed over of one that has changed back."""
        return any(map(self._is_counted, self._passed_over)) or not all(map(self._is_counted, self._added))

    def _learn_files(self, recorded: RunQueries, numbers: set[int]) -> None:
        if not numbers <= self._files.keys():
            contents = recorded.lines.contents()
            self._files.update((number, contents[number]) for number in numbers & contents.keys())

    def _is_counted(self, number: int) -> bool:
        path, content = self._files[number]
        return content == self._contents[path] and isinstance(self._counted.get(content), FileStatements)

    def _find_reported(self) -> dict[str, str]:
        # As in coverage.py's reports: a changed file counts as not executed if the configuration names it, else not.
        current = {path for path, content in self._files.values() if content == self._contents[path]}
        paths = current.union(self._source_files)
        return {path: self._contents[path] for path in paths if self._counter.reports_on(path)}

    def _count_statements(self, store: Store, tell: Progress) -> None:
        unknown = {content: path for path, content in self._reported.items() if content not in self._counted}
        unknown.pop("", None)
        rules = self._counter.rules
        kept = store.load_statements(rules, unknown)
        self._counted.update(kept)
        left = [(content, path) for content, path in unknown.items() if content not in kept]
        for start in range(0, len(left), _COUNTED_AT_ONCE):
            tell(f"Counting statements: {start:,} of {len(left):,} files")
            batch = {content: self._count(path) for content, path in left[start : start + _COUNTED_AT_ONCE]}
            store.save_statements(rules, batch)
            self._counted.update(batch)

    def _count(self, path: str) -> FileStatements | str:
        try:
            return self._counter.count(path)
        except (coverage.CoverageException, SyntaxError, ValueError) as error:
            return " ".join(str(error).split())

    def _add(self, rows: Sequence[_Row], known: Mapping[int, tuple[str, float]]) -> None:
        """Add what traces ran; ``known`` ones are there already, but were left earlier than was known."""
        ready = {file for file in {row.file for row in rows} if self._is_counted(file)}
        self._passed_over |= {row.file for row in rows} - ready
        self._added |= ready
        timed = [(*self._told.get(row.trace, ("", 0.0)), row) for row in rows if row.file in ready]
        for digest, at, row in sorted(timed, key=lambda item: item[1]):
            counted = self._counted[self._files[row.file][1]]
            assert isinstance(counted, FileStatements)
            lines = counted.executed(row.lines)
            if row.trace in self._ambient:
                self._growth.add_base(row.file, lines)
            if digest:
                self._growth.add(row.file, digest, at, lines)
                if row.trace not in known:
                    self._lines[digest] = self._lines.get(digest, 0) + lines.bit_count()

    def _show(self, root: str) -> dict[str, FileFigures]:
        """The figures of all files, by path: those that were shown before where nothing has changed."""
        current = {path: number for number, (path, content) in self._files.items() if content == self._contents[path]}
        shown = {}
        for path, content in self._reported.items():
            counted = self._counted.get(content)
            if isinstance(counted, FileStatements):
                number, name = current.get(path), relative_path(path, root)
                figures = FileFigures(path, name, content, number, counted, self._growth.covered(number))
                before = self._shown.get(path)
                shown[path] = before if before is not None and before == figures else figures
        return shown

    def _figures(self, recorded: RunQueries, period: StoredPeriod, version: str, warnings: Sequence[str]) -> Figures:
        root, firsts = recorded.root, self._first_to_run
        files = sorted(self._shown.values(), key=lambda file: file.name)
        unreadable = [
            (relative_path(path, root), reason)
            for path, content in self._reported.items()
            if isinstance(reason := self._counted.get(content), str)
        ]
        stale = {path for path, content in self._files.values() if content != self._contents[path]}
        at_startup = sum(file.executed for file in files) - sum(first.new for first in firsts.values())
        return Figures(
            run=period.run,
            period=period.number,
            version=version,
            files={file.key: file for file in files},
            changed=sorted(relative_path(path, root) for path in stale if self._counter.reports_on(path)),
            unreadable=sorted(unreadable),
            requests=recorded.requests.count(),
            lines=dict(self._lines),
            firsts=firsts,
            at_startup=at_startup,
            curve=_curve(recorded, firsts, at_startup),
            warnings=[*warnings],
        )

    def _firsts(self, files: Iterable[FileFigures]) -> dict[str, First]:
        firsts: dict[str, First] = {}
        for file in files:
            for share in self._growth.shares(file.number):
                before = firsts.get(share.trace, First(share.at, 0))
                firsts[share.trace] = First(before.at, before.new + share.lines.bit_count())
        return firsts


def _curve(recorded: RunQueries, firsts: dict[str, First], at_startup: int) -> list[tuple[int, int]]:
    """Where the number of covered statements rose; with few points, since each costs a question to the store."""
    covered, rises = at_startup, []
    for first in sorted(firsts.values(), key=lambda first: first.at):
        covered += first.new
        rises.append((first.at, covered))
    step = -(-len(rises) // _CURVE_POINTS)
    # The last one of each step, and so the last of all.
    shown = rises[::-1][:: step or 1][::-1]
    counts = recorded.requests.counts_until([at for at, _ in shown])
    return [(0, at_startup), *((count, covered) for count, (_, covered) in zip(counts, shown, strict=True))]
