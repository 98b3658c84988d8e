"""Makes mutants of an application, runs its suite on each, and compares the outcomes with what was selected."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from .applications import APPLICATIONS
from .baseline import Baseline, diff, git, record, restore, status
from .judge import JUDGES, Judge, Selection
from .known import CUT_SHORT, NOT_STARTED, RAN, Known, KnownOutcomes, digest_of
from .mutations import Changes, Mutant, Tree, make_mutant
from .suite import Outcomes, WarmSuite, warm_suite

PASSED = "passed"


@dataclass
class Result:
    """The result of a mutant.

    ``changed`` has the tests with another outcome, with that outcome: all, if the application does not start.
    ``missed`` are those of them that were not selected, ``missed_alone`` those that change when they are run alone,
    too: others change because of tests before.
    """

    application: str
    number: int
    kind: str
    title: str
    status: str
    problem: str | None = None
    changed: dict[str, str] = field(default_factory=dict)
    missed: list[str] = field(default_factory=list)
    missed_alone: list[str] = field(default_factory=list)
    all: bool = False
    changed_share: float = 0.0
    tests_share: float = 0.0
    seconds_share: float = 0.0
    judged_ms: float = 0.0
    reasons: list[str] = field(default_factory=list)

    def to_object(self) -> dict[str, Any]:
        """For the results: numbers instead of the names of tests."""
        return {
            **asdict(self),
            "changed": len(self.changed),
            "missed": len(self.missed),
            "missed_alone": len(self.missed_alone),
            "first_missed": (self.missed_alone or self.missed or [""])[0],
        }


@dataclass(frozen=True)
class Bench:
    """An application with its baseline, its warm suite and a judge."""

    baseline: Baseline
    suite: WarmSuite
    judge: Judge
    tree: Tree
    known: KnownOutcomes
    kinds: Sequence[str] = ()

    def mutant(self, seed: int, number: int) -> Mutant:
        """The mutant of a number."""
        return make_mutant(self.tree, self.baseline.application.name, seed, number, self.kinds)

    def run(self, mutant: Mutant) -> Result:
        """Apply a mutant, ask the judge, run the suite, and restore the files."""
        with applied(self.baseline.folder, self.tree, mutant.changes):
            began = time.perf_counter()
            selection = self.judge()
            judged = 1000 * (time.perf_counter() - began)
            result = self._result(mutant, selection, self._outcomes(mutant))
            result.judged_ms = round(judged, 1)
            if result.missed:
                self._check_missed(result)
        return result

    def _outcomes(self, mutant: Mutant) -> Known:
        """The outcomes of a mutant that is applied."""
        digest = digest_of(self.tree, mutant)
        known = self.known.get(mutant, digest)
        if known is None:
            outcomes = self.suite.run(self.baseline.tests, self.baseline.longest)
            status = NOT_STARTED if outcomes.problem is not None else CUT_SHORT if outcomes.cut_short else RAN
            differing = {} if status == NOT_STARTED else changed(self.baseline.tests, outcomes)
            known = Known(mutant.number, digest, status, outcomes.problem, differing)
            self.known.add(known)
        return known

    def _result(self, mutant: Mutant, selection: Selection, known: Known) -> Result:
        seconds = self.baseline.outcomes.seconds
        chosen = [test for test in self.baseline.tests if test in selection.tests]
        differing = dict.fromkeys(self.baseline.tests, NOT_STARTED) if known.status == NOT_STARTED else known.changed
        return Result(
            self.baseline.application.name,
            mutant.number,
            mutant.kind,
            mutant.title,
            known.status,
            known.problem,
            differing,
            missed=[test for test in differing if test not in selection.tests],
            all=selection.all or len(chosen) == len(self.baseline.tests),
            changed_share=round(len(differing) / len(self.baseline.tests), 4),
            tests_share=round(len(chosen) / len(self.baseline.tests), 4),
            seconds_share=round(sum(seconds[test] for test in chosen) / self.baseline.seconds, 4),
            reasons=selection.reasons[:5],
        )

    def _check_missed(self, result: Result) -> None:
        """Keep the tests that change again; those that do not are not deterministic."""
        again = changed(self.baseline.tests, self.suite.run(self.baseline.tests, self.baseline.longest))
        result.missed = [test for test in result.missed if test in again]
        for test in result.missed:
            alone = self.suite.run_alone(test, self.baseline.longest)
            if alone.problem is not None or alone.tests.get(test) != PASSED:
                result.missed_alone.append(test)
            if len(result.missed_alone) >= 3:
                break


def changed(tests: Sequence[str], outcomes: Outcomes) -> dict[str, str]:
    """The tests with another outcome than before. A test that is gone, while its file was collected, does not count."""
    files = {name.partition("::")[0] for name in outcomes.tests}
    found = {}
    for test in tests:
        outcome = outcomes.tests.get(test, "not collected")
        is_unknown = test not in outcomes.tests and (test.partition("::")[0] in files or outcomes.cut_short)
        if outcome != PASSED and not is_unknown:
            found[test] = outcome
    return found


@contextmanager
def applied(folder: Path, tree: Tree, changes: Changes) -> Iterator[None]:
    """Apply changes to the files of a folder until the block ends."""
    times = {name: (folder / name).stat() for name in changes if (folder / name).exists()}
    for name, text in changes.items():
        path = folder / name
        if text is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
    try:
        yield
    finally:
        for name in changes:
            path = folder / name
            if name in tree.files:
                path.write_bytes(tree.files[name].encode())
                # Compiled files remain valid.
                os.utime(path, ns=(times[name].st_atime_ns, times[name].st_mtime_ns))
            else:
                path.unlink(missing_ok=True)
                remove_empty(path.parent, folder)
        if status(folder):
            restore(folder, ["."])


def remove_empty(path: Path, top: Path) -> None:
    """Remove a folder that a mutant has made, and those around it."""
    while path != top and not any(path.iterdir()):
        path.rmdir()
        path = path.parent


@contextmanager
def bench(name: str, judge: str, folder: Path, known: KnownOutcomes, kinds: Sequence[str] = ()) -> Iterator[Bench]:
    """Record the baseline of an application in ``folder``, and start its suite."""
    baseline = record(APPLICATIONS[name], folder / name, folder)
    names = git(baseline.folder, "ls-files", "-z").rstrip("\0").split("\0")
    tree = Tree.read(baseline.folder, names, baseline.application.sources)
    with warm_suite(baseline.application, baseline.folder, folder) as suite:
        outcomes = suite.run(baseline.tests, baseline.longest)
        wrong = changed(baseline.tests, outcomes)
        if outcomes.problem is not None or wrong:
            raise RuntimeError(f"{name}: the unchanged suite fails in one process: {outcomes.problem} {wrong}")
        yield Bench(baseline, suite, JUDGES[judge](baseline), tree, known, kinds)


def run_mutants(one: Bench, seed: int, numbers: Sequence[int], keep: Callable[[Result], None]) -> None:
    """Run the mutants of these numbers; each result is kept at once."""
    for number in numbers:
        keep(one.run(one.mutant(seed, number)))


def show(one: Bench, seed: int, number: int) -> str:
    """The difference that a mutant makes, the outcomes that change, and the selection."""
    mutant = one.mutant(seed, number)
    with applied(one.baseline.folder, one.tree, mutant.changes):
        difference = diff(one.baseline.folder)
        selection = one.judge()
    result = one.run(mutant)
    lines = [f"{mutant.kind}: {mutant.title}", "", difference, f"{result.status} {result.problem or ''}", ""]
    for test in one.baseline.tests:
        marks = f"{'selected' if test in selection.tests else '':9} {result.changed.get(test, '')}"
        if marks.strip():
            lines.append(f"{marks:24} {test}")
    lines += ["", "missed: " + (", ".join(result.missed) or "none"), *(f"reason: {text}" for text in selection.reasons)]
    return "\n".join(lines)
