"""The tests that a change can affect, judging by what each executed when it was last recorded."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pathspec import GitIgnoreSpec

from ..analysis.impact.reach import Change, Reach
from ..analysis.impact.selection import select
from ..analysis.suite import natural_key
from ..errors import ConfigurationError
from ..exports.dump import relative_path
from ..model.bitmap import to_ranges
from ..model.outcomes import PASSED, Outcome
from .judged_runs import JudgedRun, RunJudge
from .present_files import ChangedPath, PresentFiles, read_file
from .run_records import RunRecord

# The names of pytest's test modules, without its configuration.
_TEST_MODULE = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test)\.py")
# Reports that this package and coverage.py write by default.
_REPORTS = GitIgnoreSpec.from_lines(
    [".coverage", ".coverage.*", "htmlcov/", "coverage.xml", "coverage.lcov", "coverage.json", "coverage.svg"]
)
# The file that `baseline` writes, to be checked in.
_BASELINE = GitIgnoreSpec.from_lines(["livecov-baseline.json"])

_WITHOUT_RECORD = "nothing that it executed is recorded"


@dataclass(frozen=True, slots=True)
class AffectedTest:
    """A test that must run, and one reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Affected:
    """The tests that a change can affect, and the changes that can affect any.

    ``unaffected`` are all other tests, with the time that each took, in milliseconds, ``owners`` the same ones with the
    ids of the runs in which they were recorded.
    ``base`` is the commit since which changes count, None for a diff; ``run`` the newest run. With several, each test
    is judged by the newest in which it was recorded. ``everything`` is true if a change can affect all tests.
    """

    base: str | None
    run: str
    everything: bool
    reasons: Sequence[Change]
    tests: Sequence[AffectedTest]
    unaffected: Mapping[str, float]
    owners: Mapping[str, str] = field(default_factory=dict)

    @property
    def saved_ms(self) -> float:
        """The time that the unaffected tests took."""
        return sum(self.unaffected.values())


class AffectedFinder:
    """Finds affected tests by recorded runs. What is read and parsed is kept, to judge many changes.

    :param records: the runs, the newest first; at least one.
    :param base: the folder to which paths are relative, with slashes.
    :param ignore: git's patterns of paths that do not matter, relative to ``base``.
    :param strict: whether a change of what runs at start-up affects all tests.
    """

    def __init__(
        self, records: Sequence[RunRecord], base: str, ignore: Iterable[str] = (), *, strict: bool = False
    ) -> None:
        self._records = records
        self._base = os.path.realpath(base)
        self._ignore = _patterns(ignore)
        self._judge = RunJudge(self._base, strict=strict)
        self._owners: dict[str, RunRecord] = {}
        self._outcomes: dict[str, tuple[Outcome, str]] = {}
        self._files: dict[str, frozenset[str]] = {}
        self._helpers: dict[str, list[str]] = {}
        self._lines: dict[str, Mapping[str, int]] = {}
        # Tests whose newest session ended before they did, so that not all of their lines are recorded.
        self._interrupted: set[str] = set()
        for record in records:
            for name in record.executed.keys() - self._owners.keys() - self._interrupted:
                if name not in record.outcomes and (record.outcomes or record.collections):
                    self._interrupted.add(name)
                else:
                    self._owners[name] = record
            for name, outcome in record.outcomes.items():
                self._outcomes.setdefault(name, (outcome, record.root))

    def recorded_tests(self) -> list[str]:
        """The tests of all runs that still exist, in natural order."""
        names = {
            *self._owners,
            *self._interrupted,
            *self._outcomes,
            *(n for r in self._records for one in r.collections for n in one.tests),
        }
        roots = {name: one.root for r in reversed(self._records) for one in r.collections for name in one.tests}
        texts = _Texts()
        found = (name for name in names if _exists(name, self._root(name) or roots.get(name, ""), texts))
        return sorted(found, key=natural_key)

    def find(self, files: PresentFiles, tests: Iterable[str] | None = None, *, base: str | None = None) -> Affected:
        """The ones of ``tests`` that a change affects; by default of all recorded tests.

        ``base`` is the commit to name in the answer.
        """
        names = list(dict.fromkeys(self.recorded_tests() if tests is None else tests))
        owners = {name: self._owners[name] for name in names if name in self._owners}
        records = [one for one in self._records if any(one is owner for owner in owners.values())] or self._records[:1]
        reasons: dict[str, str] = {}
        changes: list[Change] = []
        for record in records:
            executed = {name: record.executed[name] for name, owner in owners.items() if owner is record}
            found, selected = self._of_run(record, files, executed)
            changes += found
            reasons |= selected
        affected = [AffectedTest(name, reason) for name in names if (reason := self._reason(name, reasons))]
        chosen = {one.name for one in affected}
        unaffected = {name: self._duration(name) for name in names if name not in chosen}
        return Affected(
            base,
            self._records[0].id,
            any(change.reach.everything for change in changes),
            _without_repetition(changes),
            affected,
            unaffected,
            {name: owners[name].id for name in unaffected},
        )

    def _of_run(
        self, record: RunRecord, files: PresentFiles, executed: Mapping[str, Mapping[str, int]]
    ) -> tuple[list[Change], dict[str, str]]:
        """The changes since a run that can affect tests, and the tests, by those that were recorded in it."""
        judged = self._judge.judge(record, files)
        shown = {name: self._shown_lines(name, lines) for name, lines in executed.items()}
        shown = {name: {**self._suite_lines(record, name), **lines} for name, lines in shown.items()}
        found = select(judged.changes, shown, judged.importers)
        selected = {name: _text(reasons[0]) for name, reasons in found.items()}
        # Not those that only reach tests which another run has recorded later.
        selecting = {id(change) for reasons in found.values() for change in reasons}
        changes = [change for change in judged.changes if change.reach.everything or id(change) in selecting]
        for change, tests in self._others(judged, executed):
            changes.append(change)
            selected = {**dict.fromkeys(tests, _text(change)), **selected}
        return changes, selected

    def _shown_lines(self, name: str, lines: Mapping[str, int]) -> Mapping[str, int]:
        if name not in self._lines:
            self._lines[name] = {self._shown(path): bitmap for path, bitmap in lines.items()}
        return self._lines[name]

    def _suite_lines(self, record: RunRecord, name: str) -> Mapping[str, int]:
        """The files of the suite that a test runs, as if it had executed a line of each: its own, and helpers."""
        own = self._files_of(name)
        if record.id not in self._helpers:
            helpers = (path for path in self._judge.suite_files(record) if not _TEST_MODULE.fullmatch(path))
            self._helpers[record.id] = [path for path in helpers if os.path.basename(path) != "conftest.py"]
        return {self._shown(path): 1 for path in (*own, *self._helpers[record.id])}

    def _others(self, judged: JudgedRun, tests: Collection[str]) -> Iterator[tuple[Change, Collection[str]]]:
        """The changed paths that are not measured, with the tests that each can affect."""
        files = {name: self._files_of(name) for name in self._outcomes}
        suite = _SuiteFiles(judged.record, files, list(self._judge.suite_files(judged.record)), _Texts())
        for one in judged.others:
            name = self._shown(one.path)
            if self._is_ignored(one, name):
                continue
            reason, affected = suite.judge(one, name)
            if affected is None:
                yield Change(name, (), reason, Reach.ALL), tests
            elif affected:
                # Those of other suites, whose files are not known, too.
                unknown = {test for test in tests if not self._files_of(test)}
                yield Change(name, (), reason, Reach.NONE), (affected | unknown) & {*tests}

    def _is_ignored(self, changed: ChangedPath, name: str) -> bool:
        if changed.is_new and _REPORTS.match_file(name):
            return True
        return self._ignore.match_file(name) or _BASELINE.match_file(name)

    def _reason(self, name: str, reasons: Mapping[str, str]) -> str:
        outcome, _ = self._outcomes.get(name, (None, ""))
        if outcome and outcome.outcome != PASSED:
            return f"it {'failed' if outcome.outcome == 'failed' else 'was skipped'} last time"
        if name in self._interrupted:
            return "its last session was interrupted"
        if name not in self._owners:
            return _WITHOUT_RECORD
        return reasons.get(name, "")

    def _files_of(self, name: str) -> frozenset[str]:
        if name not in self._files:
            outcome, root = self._outcomes.get(name, (None, ""))
            paths = outcome.files if outcome else ()
            self._files[name] = frozenset(os.path.realpath(os.path.join(root, path)) for path in paths)
        return self._files[name]

    def _root(self, name: str) -> str:
        return self._outcomes[name][1] if name in self._outcomes else ""

    def _duration(self, name: str) -> float:
        outcome, _ = self._outcomes.get(name, (None, ""))
        if outcome and outcome.duration_ms is not None:
            return outcome.duration_ms
        return self._owners[name].durations.get(name, 0.0) if name in self._owners else 0.0

    def _shown(self, path: str) -> str:
        return relative_path(path, self._base).replace(os.sep, "/")


class _Texts:
    """The texts of files by their paths, each read once; None for one that cannot be read."""

    def __init__(self) -> None:
        self._known: dict[str, str | None] = {}

    def __getitem__(self, path: str) -> str | None:
        if path not in self._known:
            content = read_file(path)
            self._known[path] = None if content is None else content.decode("utf-8", "replace")
        return self._known[path]


@dataclass(frozen=True)
class _SuiteFiles:
    """The files of a run's tests: ``files`` are those of each test, ``paths`` those of the whole suite; absolute."""

    record: RunRecord
    files: Mapping[str, frozenset[str]]
    paths: Sequence[str]
    texts: _Texts

    def judge(self, changed: ChangedPath, name: str) -> tuple[str, frozenset[str] | None]:
        """The reason for which a path that is not measured affects tests, and which; None for all."""
        if changed.is_submodule:
            return "the submodule or repository has changed, and what is in it is not compared", None
        if changed.has_other_mode:
            return "its mode has changed: whether it is executable, or a link", None
        of_tests = frozenset(test for test, files in self.files.items() if changed.path in files)
        if of_tests:
            return self._with_users(changed, "the file of the tests has changed", of_tests)
        if os.path.basename(name) == "conftest.py":
            return self._conftest(changed)
        in_tests = any(changed.path.startswith(folder) for folder in self.record.folders_of_tests)
        if in_tests and changed.is_new and _TEST_MODULE.fullmatch(name):
            # Its tests, if it has any, are new.
            return self._with_users(changed, "the file of the tests is new", frozenset())
        return ("it is in a folder of tests" if in_tests else "it is not measured"), None

    def _with_users(
        self, changed: ChangedPath, reason: str, tests: frozenset[str]
    ) -> tuple[str, frozenset[str] | None]:
        """The tests, and those that may import from the changed file; all if a helper does, which any test may use."""
        users = self._users(changed.path)
        known = frozenset().union(*self.files.values())
        helper = next((path for path in users if path not in known and not _TEST_MODULE.fullmatch(path)), None)
        if helper is not None:
            return f"{reason}, and {os.path.basename(helper)} may import it", None
        return reason, tests | {test for test, files in self.files.items() if files & users}

    def _users(self, path: str) -> frozenset[str]:
        """The other files of the suite that mention a module, directly or not."""
        found: set[str] = set()
        waiting = [path]
        while waiting:
            stem = re.compile(rf"\b{re.escape(Path(waiting.pop()).stem)}\b")
            new = {one for one in self.paths if one not in found and stem.search(self.texts[one] or "")} - {path}
            found |= new
            waiting.extend(new)
        return frozenset(found)

    def _conftest(self, changed: ChangedPath) -> tuple[str, frozenset[str] | None]:
        """A new one is for the tests in its folder."""
        folder = os.path.join(os.path.dirname(changed.path), "")
        if not self.files or not all(self.files.values()):
            return "it is not measured", None
        below = {test for test, files in self.files.items() if any(path.startswith(folder) for path in files)}
        return "the file of the tests has changed", frozenset(below)


def _exists(name: str, root: str, texts: _Texts) -> bool:
    """True if a test of pytest exists, or may exist, judging by the text of its file."""
    path, _, rest = name.partition("::")
    if not rest or not path.endswith(".py") or not os.path.isdir(root):
        return True
    text = texts[os.path.join(root, path)]
    if text is None:
        return False
    classes, _, function = rest.partition("[")[0].rpartition("::")
    if re.search(rf"\b{re.escape(function)}\b", text):
        return True
    # A class may inherit it, and a module may import it.
    inherits = classes and re.search(rf"\b{re.escape(classes.rpartition('::')[2])}\b", text)
    return bool(inherits) or re.search(r"\bimport\s+\*", text) is not None


def _patterns(lines: Iterable[str]) -> GitIgnoreSpec:
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise ConfigurationError(f"LIVECOVERAGE_AFFECTED_IGNORE: {error}: use patterns as in .gitignore") from None


def _text(change: Change) -> str:
    lines = to_ranges(change.lines)
    return f"{change.path}{f':{lines}' if lines else ''}: {change.reason}"


def _without_repetition(changes: Iterable[Change]) -> list[Change]:
    """Several runs have the same changes."""
    found: dict[tuple[str, str], Change] = {}
    for change in changes:
        found.setdefault((change.path, change.reason), change)
    return sorted(found.values(), key=lambda change: (change.path, change.lines))
