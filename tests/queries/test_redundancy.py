"""Redundant members and the smallest suite, as plain data. The algorithms are tested in ``tests/analysis``."""

from __future__ import annotations

from flask_livecoverage.queries.recorded_suite import RecordedSuite
from flask_livecoverage.queries.redundancy import (
    DuplicateNames,
    KeptMember,
    SubsumedMember,
    SuiteTotals,
    compare_suite,
    find_smallest,
    lines_by_member,
    suite_redundancy,
)

from ..support.suites import make_suite

LINES = {"all": [1, 2, 3], "part-9": [1, 2], "part-10": [1, 2], "other": [4], "nothing": []}
SUITE = make_suite(LINES, dict.fromkeys(LINES, 2.0))
RECORDED = RecordedSuite(SUITE, "test", without_test=7)


def test_redundant() -> None:
    found = suite_redundancy(RECORDED)
    assert found.totals == SuiteTotals("test", 5, 3, 4, 7, 10.0)
    assert found.groups == [DuplicateNames("part-9", "first in natural order", 2, ["part-10"])]
    assert found.subsumed == [SubsumedMember("part-9", 2, "all", 3)]
    assert (found.duplicates, found.without_lines) == (["part-10"], ["nothing"])


def test_survivors() -> None:
    found = suite_redundancy(RECORDED)
    assert found.survivors() == {"part-10": "part-9"}
    # The survivor of the duplicate goes too, so another one stays for it.
    assert found.survivors(subsumed=True) == {"part-9": "all", "part-10": "all"}


def test_smallest() -> None:
    found = find_smallest(RECORDED)
    assert found.kept == [KeptMember("all", 3, 3, 2.0), KeptMember("other", 1, 1, 2.0)]
    assert (found.saved_members, found.saved_ms, found.proof, found.prefer) == (3, 6.0, None, "natural")
    assert find_smallest(RECORDED, "duration").prefer == "fastest"


def test_comparison_has_both() -> None:
    found = compare_suite(RECORDED)
    assert (found.redundancy, found.smallest) == (suite_redundancy(RECORDED), find_smallest(RECORDED))


def test_lines_by_member() -> None:
    assert lines_by_member(SUITE) == {name: {"/app.py": lines} if lines else {} for name, lines in LINES.items()}
