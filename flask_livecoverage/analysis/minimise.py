"""The smallest suite that executes all lines: minimum set cover, greedily or proven.

To find the minimum is NP-hard. The greedy choice (Chvátal, "A Greedy Heuristic for the Set-Covering Problem", 1979) is
at most about ln(lines) times as large; its gains are kept in a heap and brought up to date only at its top, because
they never grow (Minoux's accelerated greedy algorithm, 1978).
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
    """A chosen member, and how many lines it adds to those of the members chosen before it."""

    member: Member
    lines: int
    adds: int


@dataclass(frozen=True)
class Minimised:
    """The members that keep all ``lines`` (their number), those that add most first; costs are tests or milliseconds.

    ``proof`` is what an exact search found out, None without one. ``greedy_cost`` is what the greedy choice costs.
    """

    choices: Sequence[Choice]
    lines: int
    least: Least
    cost: float
    greedy_cost: float
    proof: Proof | None

    @property
    def duration_ms(self) -> float:
        """What the chosen members took, together."""
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

    ``least`` says of what: members, or the sum of their durations. Of members with the same lines the one stands for
    all that :func:`~.duplicates.find_redundancy` keeps; with the least duration the fastest, unless ``prefer`` says
    otherwise. The least members are none of those that it finds to be subsumed: whoever follows both loses no line.
    Of equal gains, the one with the lowest duration comes first, then the first in natural order. With ``exact``, the
    minimum is searched for, at most ``time_limit`` seconds, and the result is never worse than the greedy one. Raises
    ConfigurationError if the solver for it is not installed.
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
            # Greedily again, for the order and without what a set of cost 0 leaves redundant.
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
    """Which of several members with the same lines stays, unless somebody says otherwise."""
    return "fastest" if least == "duration" else default_preference(suite)


def _candidates(suite: Suite, least: Least, prefer: Preference) -> list[Member]:
    """Those to choose from, in natural order: one for each set of lines."""
    by_line_set = members_by_line_set(suite).values()
    survivors = sorted((min(members, key=rank(prefer)) for members in by_line_set), key=lambda placed: placed[0])
    if least == "duration":
        # A subset may cost less than what holds it.
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
        """What ``chosen`` cost together, and their duration."""
        return math.fsum(self._costs[i] for i in chosen), math.fsum(self._durations[i] for i in chosen)

    def greedy(self, allowed: Iterable[int]) -> list[int]:
        """A cover of the lines of ``allowed`` by some of them: always that which adds most for its cost."""
        remaining = 0
        heap = []
        for index in allowed:
            remaining |= self._line_sets[index]
            heap.append(self._rank(index, self._line_sets[index].bit_count()))
        heapq.heapify(heap)
        chosen = []
        while remaining:
            _, known_gain, _, index = heapq.heappop(heap)
            gain = (self._line_sets[index] & remaining).bit_count()
            if gain == -known_gain:
                chosen.append(index)
                remaining &= ~self._line_sets[index]
            elif gain:
                heapq.heappush(heap, self._rank(index, gain))
        return self._without_redundant(chosen)

    def _rank(self, index: int, gain: int) -> tuple[float, int, float, int]:
        """What the heap is ordered by, lowest first: never lower for a lower gain."""
        return self._costs[index] / gain, -gain, self._durations[index], index

    def _without_redundant(self, chosen: list[int]) -> list[int]:
        """``chosen`` without those whose lines the others have too: the most expensive and latest are tried first."""
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
