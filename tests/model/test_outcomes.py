"""Outcomes of tests, and of their parts."""

from __future__ import annotations

import pytest

from flask_livecoverage.model.outcomes import Outcome, find_outcome, outcome_object

WHOLE = Outcome("t[a > b]", "failed", 12.34567, 5.0, ("t.py",))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("t[a > b]", ("failed", 12.34567)),
        ("t[a > b] > pay", ("failed", None)),
        ("t[a > b] > pay > more", ("failed", None)),
        ("t[a", None),
        ("other > pay", None),
    ],
)
def test_part_has_the_outcome_of_its_test_but_not_its_duration(
    name: str, expected: tuple[str, float | None] | None
) -> None:
    found = find_outcome({WHOLE.test: WHOLE}, name)
    assert (found and (found.outcome, found.duration_ms)) == expected
    assert found is None or found.test == name


def test_part_may_have_an_outcome_of_its_own() -> None:
    part = Outcome("t[a > b] > pay", "passed", 1.0, 6.0)
    assert find_outcome({WHOLE.test: WHOLE, part.test: part}, part.test) is part


def test_only_a_passed_test_has_run_to_its_end() -> None:
    found = [Outcome("t", outcome, None, 0.0).ended_early for outcome in ("passed", "failed", "skipped")]
    assert found == [False, True, True]


def test_object_for_json() -> None:
    assert outcome_object(WHOLE) == {"outcome": "failed", "test_duration_ms": 12.346}
    assert outcome_object(Outcome("t", "passed", None, 0.0)) == {"outcome": "passed", "test_duration_ms": None}
    assert outcome_object(None) == {"outcome": None, "test_duration_ms": None}
