"""The outcomes of tests: whether each has passed, how long it took, and the files that it depends on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .text import whole_name

PASSED, FAILED, SKIPPED = OUTCOMES = ("passed", "failed", "skipped")


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of a test, one of :data:`OUTCOMES`, reported ``at`` UNIX seconds.

    ``duration_ms`` is the time from the beginning of the test's set-up to the end of its tear-down, in milliseconds;
    None if it is not known. ``files`` are those whose change can change the test: its own, its conftest files, and
    those of its fixtures, relative to the root of its session, with slashes. Empty if they are not known.
    """

    test: str
    outcome: str
    duration_ms: float | None
    at: float
    files: Sequence[str] = ()

    @property
    def ended_early(self) -> bool:
        """True unless the test has passed: then its lines may end where it failed."""
        return self.outcome != PASSED

    def to_object(self) -> dict[str, Any]:
        """Return the keys of a test's outcome in JSON."""
        return {
            "outcome": self.outcome,
            "test_duration_ms": None if self.duration_ms is None else round(self.duration_ms, 3),
        }


NO_OUTCOME: Mapping[str, Any] = {"outcome": None, "test_duration_ms": None}


def find_outcome(outcomes: Mapping[str, Outcome], name: str) -> Outcome | None:
    """Return the outcome of the test ``name``; for a part of a test, that of the whole test, without its duration."""
    found = outcomes.get(name)
    if found is None and (whole := outcomes.get(whole_name(name, outcomes))) is not None:
        return replace(whole, test=name, duration_ms=None)
    return found


def outcome_object(outcome: Outcome | None) -> dict[str, Any]:
    """Return the keys of a test's outcome in JSON; their values are None without one."""
    return dict(NO_OUTCOME) if outcome is None else outcome.to_object()
