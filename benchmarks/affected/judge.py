"""Selects the tests that a change can affect: the product's answer, and simple ones that check the experiment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.queries.affected import AffectedFinder
from flask_livecoverage.queries.affected_runs import AffectedQuery, load_records
from flask_livecoverage.queries.present_files import WorkingTree
from flask_livecoverage.queries.recorded_suite import suite_object
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.repository.history import Repository
from flask_livecoverage.settings import load_settings

from .baseline import Baseline, status


@dataclass(frozen=True)
class Selection:
    """The selected tests, whether these are all because something could not be judged, and the reasons."""

    tests: frozenset[str]
    all: bool = False
    reasons: list[str] = field(default_factory=list)


Judge = Callable[[], Selection]


def no_tests(baseline: Baseline) -> Judge:
    """Select none, which is wrong: the experiment has to report missed tests."""
    return lambda: Selection(frozenset())


def all_tests(baseline: Baseline) -> Judge:
    """Select all, which is never wrong: for when only the outcomes are wanted."""
    return lambda: Selection(frozenset(baseline.tests), all=True)


def tests_of_files(baseline: Baseline) -> Judge:
    """Select the tests that ran a line of a changed file, and all tests for a file that no test ran."""
    files = files_of_tests(baseline)

    def select() -> Selection:
        changed = {line[3:].split(" -> ")[-1].strip('"') for line in status(baseline.folder).splitlines()}
        recorded = set().union(*files.values())
        if changed - recorded:
            return Selection(frozenset(baseline.tests), all=True, reasons=sorted(changed - recorded))
        found = {test for test, paths in files.items() if paths & changed}
        return Selection(frozenset(found | (set(baseline.tests) - files.keys())))

    return select


def files_of_tests(baseline: Baseline) -> dict[str, set[str]]:
    """The files of which each test ran a line."""
    directory = DataDir(str(baseline.data_dir))
    (folder,) = directory.select("latest")
    with open_stored_runs(directory.path, [folder], load_settings({}).store) as runs:
        document = suite_object(runs.queries, Filters())
    return {
        test["test"]: {path for trace in test["traces"] for path in document["traces"][trace]}
        for test in document["tests"]
    }


def product(baseline: Baseline) -> Judge:
    """The product's answer to what has changed in the working tree, by the recorded run."""
    repository = Repository.find(baseline.folder)
    records = load_records(AffectedQuery(baseline.data_dir, folder=baseline.folder), repository)
    finder = AffectedFinder(records, str(repository.top))

    def select() -> Selection:
        found = finder.find(WorkingTree(repository, str(baseline.data_dir)), baseline.tests)
        reasons = [f"{change.path}: {change.reason}" for change in found.reasons]
        return Selection(frozenset(test.name for test in found.tests), found.everything, reasons)

    return select


JUDGES: dict[str, Callable[[Baseline], Judge]] = {
    "product": product,
    "files": tests_of_files,
    "none": no_tests,
    "all": all_tests,
}
