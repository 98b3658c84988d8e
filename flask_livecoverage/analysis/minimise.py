"""The smallest suite that executes all lines: minimum set cover, greedy or exact.

Finding the minimum is NP-hard. The greedy choice (Chvátal, "A Greedy Heuristic for the Set-Covering Problem", 1979) is
at most about ln(lines) times as large; its gains are kept in a heap and updated only at its top, because they never
grow (Minoux's accelerated greedy algorithm, 1978).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from .cover import Proof, smallest_cover
from .subsets import Supersets
from .suite import Member, Suite
from .survivors import Preference, default_preference, members_by_line_set, rank

Least = Literal["tests", "duration"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A chosen member, and the number of lines that it adds to those of the members chosen before it."""

    member: Member
    lines: int
    adds: int


@dataclass(frozen=True)
class Minimised:
    """The members that cover all lines, those that add most first, and their cost in tests or milliseconds.

    ``lines`` is the number of covered lines, ``greedy_cost`` the cost of the greedy choice. ``proof`` is the result of
    an exact search, None without one.
    """

    choices: Sequence[Choice]
    lines: int
    least: Least
    cost: float
    greedy_cost: float
    proof: Proof | None

    @property
    def duration_ms(self) -> float:
        """The total duration of the chosen members."""
        return math.fsum(choice.member.duration_ms for choice in self.choices)


def minimise(
    suite: Suite,
    least: Least = "tests",
    prefer: Preference | None = None,
    *,
    exact: bool = False,
    time_limit: float | None = None,
) -> Minimised:
    """The smallest part of ``suite`` that executes all of its lines.

    ``least`` selects the cost: the number of members, or the sum of their durations. Of members with the same lines,
    only the one that :func:`~.duplicates.find_redundancy` keeps is considered; for the least duration the fastest,
    unless ``prefer`` is given. With the fewest members, none is chosen that ``find_redundancy`` reports as subsumed:
    applying both results loses no line. Of equal gains, the lowest duration comes first, then the natural order. With
    ``exact``, the minimum is searched for, for at most ``time_limit`` seconds, and the result is never worse than the
    greedy one. Raises ConfigurationError if the solver for it is not installed.
    """
    candidates = _candidates(suite, least, prefer or preference_for(suite, least))
    line_sets = [suite.lines(member) for member in candidates]
    costs = [1.0 if least == "tests" else member.duration_ms for member in candidates]
    cover = _Cover(line_sets, costs, [member.duration_ms for member in candidates])
    greedy = chosen = cover.greedy(range(len(line_sets)))
    proof = None
    if exact:
        found, bound = smallest_cover(line_sets, costs, time_limit)
        if found is not None:
            # Greedy again, for the order, and to drop members that a set of cost 0 makes redundant.
            chosen = min(greedy, cover.greedy(found), key=cover.cost)
        proof = Proof.of(cover.cost(chosen)[0], bound, whole=least == "tests")
    return Minimised(
        _choices(candidates, line_sets, chosen),
        suite.all_lines.bit_count(),
        least,
        cover.cost(chosen)[0],
        cover.cost(greedy)[0],
        proof,
    )


def preference_for(suite: Suite, least: Least) -> Preference:
    """The default rule for which of several members with the same lines is kept."""
    return "fastest" if least == "duration" else default_preference(suite)


def _candidates(suite: Suite, least: Least, prefer: Preference) -> list[Member]:
    """The members to choose from, in natural order: one for each set of lines."""
    by_line_set = members_by_line_set(suite).values()
    survivors = sorted((min(members, key=rank(prefer)) for members in by_line_set), key=lambda survivor: survivor[0])
    if least == "duration":
        # A subset may cost less than its superset.
        return [member for _, member in survivors]
    supersets = Supersets([suite.lines(member) for _, member in survivors])
    return [member for index, (_, member) in enumerate(survivors) if next(supersets.of(index), None) is None]


class _Cover:
    """Covers of all lines by some of ``line_sets``, which are in natural order."""

    def __init__(self, line_sets: Sequence[int], costs: Sequence[float], durations: Sequence[float]) -> None:
        self._line_sets = line_sets
        self._costs = costs
        self._durations = durations

    def cost(self, chosen: Sequence[int]) -> tuple[float, float]:
        """The total cost of ``chosen``, and their total duration."""
        return math.fsum(self._costs[i] for i in chosen), math.fsum(self._durations[i] for i in chosen)

    def greedy(self, allowed: Iterable[int]) -> list[int]:
        """A cover of the lines of ``allowed``, choosing at each step the set that adds most for its cost."""
        remaining = 0
        heap = []
        for index in allowed:
            remaining |= self._line_sets[index]
            heap.append(self._rank(index, self._line_sets[index].bit_count()))
        heapq.heapify(heap)
        chosen = []
        while remaining:
            _, negative_gain, _, index = heapq.heappop(heap)
            gain = (self._line_sets[index] & remaining).bit_count()
            if gain == -negative_gain:
                chosen.append(index)
                remaining &= ~self._line_sets[index]
            elif gain:
                heapq.heappush(heap, self._rank(index, gain))
        return self._without_redundant(chosen)

    def _rank(self, index: int, gain: int) -> tuple[float, int, float, int]:
        """The sort key of the heap, lowest first: never lower for a lower gain."""
        return self._costs[index] / gain, -gain, self._durations[index], index

    def _without_redundant(self, chosen: list[int]) -> list[int]:
        """``chosen`` without sets whose lines are all in the others; the most expensive and latest are tried first."""
        kept = list(chosen)
        twice = self._covered_twice(kept)
        for _, _, _, index in sorted(
            (-self._costs[index], -self._durations[index], -turn, index) for turn, index in enumerate(chosen)
        ):
            if not self._line_sets[index] & ~twice:
                kept.remove(index)
                twice = self._covered_twice(kept)
        return kept

    def _covered_twice(self, chosen: Iterable[int]) -> int:
        once = twice = 0
        for index in chosen:
            twice |= once & self._line_sets[index]
            once |= self._line_sets[index]
        return twice


def _choices(members: Sequence[Member], line_sets: Sequence[int], chosen: Iterable[int]) -> list[Choice]:
    choices = []
    covered = 0
    for index in chosen:
        lines = line_sets[index]
        choices.append(Choice(members[index], lines.bit_count(), (lines & ~covered).bit_count()))
        covered |= lines
    return choices
