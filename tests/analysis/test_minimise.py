"""The smallest suite keeps every line; the exact one equals the result of trying all subsets.

Tests ``analysis.minimise``, ``analysis.cover`` and ``analysis.suite``.
"""

from __future__ import annotations

import itertools
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.analysis.cover import Proof, smallest_cover
from flask_livecoverage.analysis.duplicates import find_redundancy
from flask_livecoverage.analysis.minimise import Least, minimise
from flask_livecoverage.analysis.suite import Suite
from flask_livecoverage.analysis.survivors import Preference
from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.model.bitmap import to_bitmap

from ..support.strategies import drawn_suites
from ..support.suites import Tests, lines_of, make_suite, suite_of

LEASTS: tuple[Least, ...] = ("tests", "duration")

# The greedy choice takes `long` first, and then needs both others, which hold all its lines.
REDUNDANT_AT_THE_END = {"long": [1, 2, 3, 4], "left": [1, 2, 5], "right": [3, 4, 6]}


def names(suite: Suite, least: Least = "tests", **options: bool) -> list[str]:
    return [choice.member.name for choice in minimise(suite, least, **options).choices]


def test_lines_that_each_choice_adds() -> None:
    found = minimise(make_suite({"small": [4, 5], "large": [1, 2, 3, 4], "within": [1, 2]}))

    assert [(one.member.name, one.lines, one.adds) for one in found.choices] == [("large", 4, 4), ("small", 2, 1)]
    assert (found.lines, found.cost, found.proof) == (5, 2, None)


def test_of_the_same_lines_the_one_that_dedup_keeps() -> None:
    tests = {"test-10": [1], "test-9": [1], "test-11": [1], "other": [2]}
    suite = make_suite(tests, {"test-10": 1.0, "test-9": 2.0, "test-11": 1.0})

    assert names(suite) == ["other", "test-9"]
    assert [group.survivor.name for group in find_redundancy(suite).groups] == ["test-9"]
    # For the least duration the fastest is kept, among equals the first.
    assert names(suite, "duration") == ["other", "test-10"]


def test_keploys_test_cases_stay_in_keploys_order() -> None:
    suite = make_suite({"set/test-10": [1], "set/test-9": [1]})

    assert names(suite) == ["set/test-10"]
    assert [group.survivor.name for group in find_redundancy(suite).groups] == ["set/test-10"]


def test_a_part_of_another_ones_lines_is_never_chosen() -> None:
    """The greedy choice takes `wide`; then both others add the same line, the subset faster."""
    tests = {"wide": [1, 2, 3, 4], "part": [5], "whole": [4, 5]}
    suite = make_suite(tests, {"whole": 2.0, "part": 1.0})

    assert names(suite) == ["wide", "whole"]
    assert [one.member.name for one in find_redundancy(suite).subsumed] == ["part"]


@given(drawn_suites(), st.sampled_from(["natural", "fastest", "keploy", None]))
def test_applying_dedup_and_minimise_loses_no_line(tests: Tests, prefer: Preference | None) -> None:
    suite = suite_of(tests)
    found = find_redundancy(suite, prefer)
    removed = {one.name for one in found.duplicates} | {one.member.name for one in found.subsumed}
    kept = {choice.member.name for choice in minimise(suite, prefer=prefer).choices}

    assert not kept & removed
    assert lines_of(tests, kept - removed) == lines_of(tests, tests)


def test_of_the_same_gain_the_fastest_and_then_the_first() -> None:
    tests = {"test-10": [1, 2], "test-9": [1, 3], "test-11": [2, 3]}

    assert names(make_suite(tests))[0] == "test-9"
    assert names(make_suite(tests, {"test-9": 1.0, "test-10": 1.0}))[0] == "test-11"


def test_least_duration_is_not_least_tests() -> None:
    suite = make_suite({"all": [1, 2, 3], "one": [1], "rest": [2, 3]}, {"all": 100.0, "one": 1.0, "rest": 2.0})

    assert names(suite) == ["all"]
    assert sorted(names(suite, "duration")) == ["one", "rest"]
    assert minimise(suite, "duration").duration_ms == 3.0


def test_choices_that_became_redundant_are_dropped() -> None:
    assert sorted(names(make_suite(REDUNDANT_AT_THE_END))) == ["left", "right"]


def test_exact_is_less_than_greedy_where_nothing_is_redundant() -> None:
    tests = {
        "upper": range(7), "lower": range(7, 14),
        "half": [0, 1, 2, 3, 7, 8, 9, 10], "quarter": [4, 5, 11, 12], "eighth": [6, 13],
    }  # fmt: skip
    suite = make_suite(tests)
    greedy, exact = minimise(suite), minimise(suite, exact=True)

    assert [len(greedy.choices), len(exact.choices)] == [3, 2]
    assert (exact.cost, exact.greedy_cost) == (2, 3)
    assert exact.proof == Proof(optimal=True, lower_bound=2, gap=0)


def test_no_lines_to_keep() -> None:
    for suite in (make_suite({}), make_suite({"idle": []})):
        for exact in (False, True):
            assert minimise(suite, exact=exact).choices == []


@given(drawn_suites())
def test_greedy_keeps_every_line_and_nothing_redundant(tests: Tests) -> None:
    for least in LEASTS:
        found = minimise(suite_of(tests), least)
        chosen = [choice.member.name for choice in found.choices]

        assert lines_of(tests, chosen) == lines_of(tests, tests)
        assert sum(choice.adds for choice in found.choices) == found.lines == len(lines_of(tests, tests))
        for name in chosen:
            assert lines_of(tests, set(chosen) - {name}) != lines_of(tests, tests)


@given(drawn_suites(largest=9))
@settings(max_examples=60, deadline=None)
def test_exact_equals_trying_all_subsets(tests: Tests) -> None:
    suite = suite_of(tests)
    for least in LEASTS:
        found = minimise(suite, least, exact=True)
        chosen = [choice.member.name for choice in found.choices]

        assert lines_of(tests, chosen) == lines_of(tests, tests)
        assert found.proof is not None
        assert found.proof.optimal
        assert found.cost == pytest.approx(cheapest(tests, least))
        assert found.cost <= found.greedy_cost
        assert found.cost == pytest.approx(cost(tests, chosen, least))
        greedy = minimise(suite, least)
        assert (found.cost, found.duration_ms) <= (greedy.cost, greedy.duration_ms)


def cost(tests: Tests, names: list[str], least: Least) -> float:
    return len(names) if least == "tests" else sum(tests[name][1] for name in names)


def cheapest(tests: Tests, least: Least) -> float:
    whole = lines_of(tests, tests)
    return min(
        cost(tests, list(part), least)
        for size in range(len(tests) + 1)
        for part in itertools.combinations(tests, size)
        if lines_of(tests, part) == whole
    )


@given(drawn_suites(largest=9))
@settings(max_examples=60, deadline=None)
def test_cover_and_its_bound_are_the_cheapest_without_the_greedy_one(tests: Tests) -> None:
    for least in LEASTS:
        costs = [1.0 if least == "tests" else duration for _, duration in tests.values()]
        chosen, bound = smallest_cover([to_bitmap(lines) for lines, _ in tests.values()], costs)

        assert chosen is not None
        assert lines_of(tests, [list(tests)[index] for index in chosen]) == lines_of(tests, tests)
        assert sum(costs[index] for index in chosen) == pytest.approx(cheapest(tests, least))
        assert bound == pytest.approx(cheapest(tests, least))


def test_of_equal_minima_the_greedy_one_is_kept_unless_it_takes_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    suite = make_suite({"a": [1, 2], "b": [2, 3], "c": [1, 3]}, {"a": 1.0, "b": 1.0, "c": 5.0})
    for other, expected in (([1, 2], ["a", "b"]), ([0, 1], ["a", "b"])):
        monkeypatch.setattr("flask_livecoverage.analysis.minimise.smallest_cover", lambda *_, other=other: (other, 2.0))
        assert sorted(names(suite, exact=True)) == expected


@given(drawn_suites())
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_tests_does_not_matter(tests: Tests) -> None:
    reverse = dict(reversed(tests.items()))
    for least, exact in itertools.product(LEASTS, (False, True)):
        assert names(suite_of(tests), least, exact=exact) == names(suite_of(reverse), least, exact=exact)


def test_members_do_not_count_but_distinct_sets_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """A suite of 50,000 tests with 3 sets of lines is solved as one of 3."""
    tests = {f"test-{i}": list(REDUNDANT_AT_THE_END.values())[i % 3] for i in range(50_000)}
    seen = []
    monkeypatch.setattr(
        "flask_livecoverage.analysis.minimise.smallest_cover",
        lambda line_sets, *rest: seen.append(len(line_sets)) or smallest_cover(line_sets, *rest),
    )

    assert sorted(names(make_suite(tests), exact=True)) == ["test-1", "test-2"]
    assert seen == [3]


# A cycle: nothing can be reduced. Five sets of two neighbours each need three.
CYCLE = [to_bitmap([i, (i + 1) % 5]) for i in range(5)]


def test_solver_is_used_where_reductions_do_not_decide() -> None:
    chosen, bound = smallest_cover(CYCLE, [1.0] * 5)

    assert chosen is not None
    assert len(chosen) == 3
    assert bound == pytest.approx(3)


class NothingFound:
    x = None
    mip_dual_bound = 2.2


def test_unproven_result_has_a_gap_and_is_not_worse_than_greedy(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = {}

    def impatient(costs: list[float], **options: object) -> NothingFound:
        asked.update(options)
        return NothingFound()

    monkeypatch.setattr("scipy.optimize.milp", impatient)
    suite = make_suite({f"test-{i}": [i, (i + 1) % 7] for i in range(7)})
    found = minimise(suite, exact=True, time_limit=0.5)

    assert asked["options"] == {"mip_rel_gap": 0.0, "time_limit": 0.5}
    assert found.choices == minimise(suite).choices
    assert found.proof == Proof(optimal=False, lower_bound=3, gap=0.25)


def test_result_of_the_solver_that_does_not_cover_all_lines_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:

    class Wrong:
        x = (1.0, 0.0, 0.0, 0.0, 0.0)
        mip_dual_bound = 1.0

    monkeypatch.setattr("scipy.optimize.milp", lambda *_, **__: Wrong())

    assert smallest_cover(CYCLE, [1.0] * 5) == (None, 1.0)


def test_without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)

    with pytest.raises(ConfigurationError, match=r"pip install 'Flask-LiveCoverage\[exact\]'"):
        minimise(make_suite(REDUNDANT_AT_THE_END), exact=True)
    assert minimise(make_suite(REDUNDANT_AT_THE_END)).cost == 2
