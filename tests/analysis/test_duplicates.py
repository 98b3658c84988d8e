"""Duplicates and subsumed tests: which can be removed without losing a line, and which one is kept.

Tests ``analysis.duplicates``, ``analysis.subsets`` and ``analysis.survivors``.
"""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.duplicates import find_redundancy
from flask_livecoverage.analysis.subsets import LineCounts, Supersets, positions
from flask_livecoverage.analysis.suite import natural_key
from flask_livecoverage.analysis.survivors import Preference
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap

from ..support.strategies import distinct_bitmaps, drawn_suites, preferences
from ..support.suites import Tests, lines_of, make_suite, suite_of


@pytest.mark.parametrize(
    ("prefer", "survivor", "reason"),
    [
        ("natural", "test-2", "first in natural order"),
        ("fastest", "test-9", "lowest duration"),
        ("keploy", "test-10", "first in lexicographic order"),
    ],
)
def test_survivor(prefer: Preference, survivor: str, reason: str) -> None:
    same = {"test-2": 5.0, "test-9": 1.0, "test-10": 1.0}
    suite = make_suite({**{name: [1, 2] for name in same}, "test-1": [3]}, same)

    (group,) = find_redundancy(suite, prefer).groups

    assert (group.survivor.name, group.reason) == (survivor, reason)
    assert [member.name for member in group.duplicates] == [name for name in same if name != survivor]


def test_superset_is_the_largest_and_then_the_preferred() -> None:
    tests = {"a": [1], "b": [1, 2], "c-10": [1, 2, 3], "c-9": [1, 2, 4], "d": [1, 5]}

    def subsumed(prefer: Preference) -> dict[str, tuple[str, int, int]]:
        found = find_redundancy(make_suite(tests), prefer).subsumed
        return {one.member.name: (one.superset.name, one.lines, one.superset_lines) for one in found}

    assert subsumed("natural") == {"a": ("c-9", 1, 3), "b": ("c-9", 2, 3)}
    assert subsumed("keploy") == {"a": ("c-10", 1, 3), "b": ("c-10", 2, 3)}


def test_of_subsumed_duplicates_the_survivor_alone_is_subsumed() -> None:
    found = find_redundancy(make_suite({"a": [1], "b": [1], "c": [1, 2]}))

    assert [member.name for member in found.duplicates] == ["b"]
    assert [(one.member.name, one.superset.name) for one in found.subsumed] == [("a", "c")]


def test_tests_without_lines_are_neither() -> None:
    found = find_redundancy(make_suite({"idle-2": [], "busy": [1], "idle-1": []}))

    assert [member.name for member in found.without_lines] == ["idle-1", "idle-2"]
    assert (found.groups, found.subsumed) == ([], [])


@given(drawn_suites(), preferences)
def test_redundancy_equals_a_comparison_of_all_pairs(tests: Tests, prefer: Preference) -> None:
    found = find_redundancy(suite_of(tests), prefer)
    ran = {name: lines for name, (lines, _) in tests.items() if lines}

    groups = {frozenset(other for other in ran if ran[other] == ran[name]) for name in ran}
    expected = {group for group in groups if len(group) > 1}
    assert {
        frozenset([group.survivor.name, *(one.name for one in group.duplicates)]) for group in found.groups
    } == expected
    removed = {member.name for member in found.duplicates}
    kept = ran.keys() - removed
    assert {one.member.name for one in found.subsumed} == {
        name for name in kept if any(ran[name] < ran[other] for other in kept)
    }
    assert {member.name for member in found.without_lines} == tests.keys() - ran.keys()


@given(drawn_suites(), preferences)
def test_removing_changes_no_total(tests: Tests, prefer: Preference) -> None:
    found = find_redundancy(suite_of(tests), prefer)
    duplicates = {member.name for member in found.duplicates}
    subsumed = {one.member.name for one in found.subsumed}

    assert lines_of(tests, tests.keys() - duplicates) == lines_of(tests, tests)
    assert lines_of(tests, tests.keys() - duplicates - subsumed) == lines_of(tests, tests)


@given(drawn_suites(), preferences)
def test_supersets_stay_and_hold_all_lines(tests: Tests, prefer: Preference) -> None:
    found = find_redundancy(suite_of(tests), prefer)
    removed = {one.name for one in found.duplicates} | {one.member.name for one in found.subsumed}

    for one in found.subsumed:
        assert tests[one.member.name][0] < tests[one.superset.name][0]
        assert one.superset.name not in removed
        assert not any(
            len(tests[other][0]) > one.superset_lines for other in tests if tests[other][0] > tests[one.member.name][0]
        )


@given(drawn_suites(), preferences, st.randoms(use_true_random=False))
def test_the_order_of_the_tests_does_not_matter(tests: Tests, prefer: Preference, chance: random.Random) -> None:
    shuffled = list(tests.items())
    chance.shuffle(shuffled)

    def names(tests: Tests) -> object:
        found = find_redundancy(suite_of(tests), prefer)
        return (
            [(group.survivor.name, [one.name for one in group.duplicates]) for group in found.groups],
            [(one.member.name, one.superset.name) for one in found.subsumed],
            [one.name for one in found.without_lines],
        )

    assert names(dict(shuffled)) == names(tests)


@given(drawn_suites())
def test_lists_are_in_natural_order(tests: Tests) -> None:
    found = find_redundancy(suite_of(tests), "keploy")

    for members in (
        [group.survivor for group in found.groups],
        [one.member for one in found.subsumed],
        found.without_lines,
        *(group.duplicates for group in found.groups),
    ):
        assert members == sorted(members, key=lambda member: natural_key(member.name))


@given(distinct_bitmaps)
def test_supersets_are_a_strict_partial_order(line_sets: list[int]) -> None:
    supersets = Supersets(line_sets)
    above = {index: set(supersets.of(index)) for index in range(len(line_sets))}

    for index, lines in enumerate(line_sets):
        assert above[index] == {
            other for other, others in enumerate(line_sets) if lines & others == lines and others != lines
        }
        assert index not in above[index]
        for other in above[index]:
            assert index not in above[other]
            assert above[other] <= above[index]
        sizes = [line_sets[other].bit_count() for other in supersets.of(index)]
        assert sizes == sorted(sizes, reverse=True)


@given(st.lists(st.integers(0, 2**8 - 1), max_size=20))
def test_rarest_line(line_sets: list[int]) -> None:
    counts = LineCounts(line_sets)

    for lines in filter(None, line_sets):
        held = {line: sum(other >> line & 1 for other in line_sets) for line in from_bitmap(lines)}
        assert counts.rarest(lines) == min(held, key=lambda line: (held[line], line))


@given(st.frozensets(st.integers(0, 300)))
def test_positions(lines: frozenset[int]) -> None:
    assert list(positions(to_bitmap(lines))) == sorted(lines)


class Compared(int):
    """A bitmap that counts how often one like it is compared with others."""

    comparisons = 0

    def __and__(self, other: int) -> int:
        Compared.comparisons += 1
        return int(self) & int(other)


def test_ten_thousand_sets_are_compared_through_their_rarest_lines() -> None:
    """Every second set lies within its neighbour; comparing all pairs would be 10^8 comparisons."""
    line_sets = list(
        itertools.chain.from_iterable(((1 << i) | 1, (1 << i) | 1 | (1 << 5000 + i)) for i in range(1, 5001))
    )
    supersets = Supersets([Compared(lines) for lines in line_sets])
    Compared.comparisons = 0

    assert all(list(supersets.of(index)) == ([] if index % 2 else [index + 1]) for index in range(len(line_sets)))
    assert Compared.comparisons <= len(line_sets)
