"""Finds the tests, or requests, of a suite that execute nothing of their own, and the smallest suite with all lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..analysis.cover import Proof
from ..analysis.duplicates import find_redundancy
from ..analysis.minimise import Least, minimise, preference_for
from ..analysis.suite import Suite
from ..analysis.survivors import Preference, default_preference
from .recorded_suite import RecordedSuite


@dataclass(frozen=True)
class SuiteTotals:
    """A suite in numbers: its ``members`` (a ``by`` each: test or request), and all of their lines together.

    ``line_sets`` counts the different sets of lines, ``without_test`` the requests that were left out because they
    name no test. ``duration_ms`` is the time that the server spent on all requests. ``not_passed`` are the tests that
    have failed or were skipped, with their outcomes: their lines may end where they failed.
    """

    by: str
    members: int
    line_sets: int
    lines: int
    without_test: int
    duration_ms: float
    not_passed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DuplicateNames:
    """Members that executed the same lines: the survivor, the reason for that choice, and the others."""

    survivor: str
    reason: str
    lines: int
    duplicates: Sequence[str]


@dataclass(frozen=True)
class SubsumedMember:
    """A member whose lines are all among those of ``superset``, which has more."""

    name: str
    lines: int
    superset: str
    superset_lines: int


@dataclass(frozen=True)
class SuiteRedundancy:
    """The members that execute nothing of their own; ``prefer`` is the rule by which survivors were chosen."""

    totals: SuiteTotals
    prefer: Preference
    groups: Sequence[DuplicateNames]
    subsumed: Sequence[SubsumedMember]
    without_lines: Sequence[str]

    @property
    def duplicates(self) -> list[str]:
        """The members of all groups, without their survivors."""
        return [name for group in self.groups for name in group.duplicates]

    def survivors(self, *, subsumed: bool = False) -> Mapping[str, str]:
        """For each duplicate (and ``subsumed`` one, if asked), a member that stays and executes all of its lines."""
        supersets = {one.name: one.superset for one in self.subsumed} if subsumed else {}
        return supersets | {
            name: supersets.get(group.survivor, group.survivor) for group in self.groups for name in group.duplicates
        }


@dataclass(frozen=True)
class KeptMember:
    """A member of the smallest suite; ``adds`` counts its lines that the members before it do not execute."""

    name: str
    lines: int
    adds: int
    duration_ms: float


@dataclass(frozen=True)
class SmallestSuite:
    """The members that execute all lines, those that add most first; costs are members or milliseconds.

    ``proof`` is the result of an exact search, None without one. ``greedy_cost`` is the cost of the greedy choice.
    """

    totals: SuiteTotals
    prefer: Preference
    least: Least
    kept: Sequence[KeptMember]
    duration_ms: float
    cost: float
    greedy_cost: float
    proof: Proof | None

    @property
    def saved_members(self) -> int:
        """The number of members that need not run."""
        return self.totals.members - len(self.kept)

    @property
    def saved_ms(self) -> float:
        """The time that the server does not spend on these."""
        return self.totals.duration_ms - self.duration_ms


def suite_redundancy(queries: RecordedSuite, prefer: Preference | None = None) -> SuiteRedundancy:
    """The duplicates and the subsumed members; see :func:`~flask_livecoverage.analysis.duplicates.find_redundancy`."""
    suite = queries.suite
    prefer = prefer or default_preference(suite)
    found = find_redundancy(suite, prefer)
    groups = [
        DuplicateNames(
            group.survivor.name,
            group.reason,
            suite.lines(group.survivor).bit_count(),
            [member.name for member in group.duplicates],
        )
        for group in found.groups
    ]
    return SuiteRedundancy(
        _totals(queries),
        prefer,
        groups,
        [SubsumedMember(one.member.name, one.lines, one.superset.name, one.superset_lines) for one in found.subsumed],
        [member.name for member in found.without_lines],
    )


def find_smallest(
    queries: RecordedSuite,
    least: Least = "tests",
    prefer: Preference | None = None,
    *,
    exact: bool = False,
    time_limit: float | None = None,
) -> SmallestSuite:
    """The smallest suite; see :func:`~flask_livecoverage.analysis.minimise.minimise`."""
    suite = queries.suite
    prefer = prefer or preference_for(suite, least)
    found = minimise(suite, least, prefer, exact=exact, time_limit=time_limit)
    kept = [
        KeptMember(choice.member.name, choice.lines, choice.adds, choice.member.duration_ms) for choice in found.choices
    ]
    totals = _totals(queries)
    return SmallestSuite(totals, prefer, least, kept, found.duration_ms, found.cost, found.greedy_cost, found.proof)


@dataclass(frozen=True)
class SuiteComparison:
    """The redundancy of a suite and the smallest suite, which was chosen greedily."""

    redundancy: SuiteRedundancy
    smallest: SmallestSuite


def compare_suite(queries: RecordedSuite) -> SuiteComparison:
    """Compare all members of a suite, by the default rules."""
    return SuiteComparison(suite_redundancy(queries), find_smallest(queries))


def _totals(queries: RecordedSuite) -> SuiteTotals:
    suite = queries.suite
    return SuiteTotals(
        queries.by,
        len(suite.members),
        sum(map(bool, suite.line_sets)),
        suite.all_lines.bit_count(),
        queries.without_test,
        sum(member.duration_ms for member in suite.members),
        {name: outcome.outcome for name, outcome in queries.outcomes.items() if outcome.ended_early},
    )


def outcome_warning(totals: SuiteTotals) -> str:
    """The warning that tests of a suite have not passed, in two lines."""
    return (
        f"Not passed: {len(totals.not_passed)} of {totals.members}. A test that failed or was skipped may have ended\n"
        "early, and then looks like a duplicate of any other: let all pass before you remove a test."
    )


def lines_by_member(suite: Suite) -> dict[str, dict[str, list[int]]]:
    """The line numbers that each member executed, by path."""
    lines = [suite.numbering.line_numbers(line_set) for line_set in suite.line_sets]
    return {member.name: lines[member.line_set] for member in suite.members}
