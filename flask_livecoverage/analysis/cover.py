"""Minimum set cover with a proof: reductions, then a mixed-integer program for the rest.

The reductions are those of Beasley, "An algorithm for set covering problem" (1987): a set that is the only one to hold
a line is fixed, sets within a cheaper one are dropped, equal rows are merged. The solver is HiGHS, through scipy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import ConfigurationError
from .subsets import Supersets, positions

# For comparing the solver's bounds, which are floating-point numbers.
_TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True)
class Proof:
    """The proven lower bound of the minimum: no cover costs less than ``lower_bound``.

    ``gap`` is the largest possible excess of the found cost over the minimum, as a fraction of the cost: 0 if it is
    ``optimal``.
    """

    optimal: bool
    lower_bound: float
    gap: float

    @classmethod
    def of(cls, cost: float, bound: float, *, whole: bool) -> Proof:
        """The proof for a cover of ``cost``, if no cover costs less than ``bound``; ``whole`` if costs are integers."""
        bound = math.ceil(bound - _TOLERANCE) if whole else bound
        if cost <= bound + _TOLERANCE * max(1.0, cost):
            return cls(True, cost, 0.0)
        return cls(False, max(bound, 0.0), (cost - max(bound, 0.0)) / cost)


def smallest_cover(
    line_sets: Sequence[int], costs: Sequence[float], time_limit: float | None = None
) -> tuple[list[int] | None, float]:
    """The indexes of the cheapest ``line_sets`` that cover all lines, and a lower bound of the cost.

    The indexes are None if the solver found none within ``time_limit`` seconds. Raises ConfigurationError if scipy is
    not installed.
    """
    optimize, sparse = _solver()
    reduced = _Reduction(line_sets, costs)
    fixed_cost = sum(costs[index] for index in reduced.fixed)
    if not reduced.line_sets:
        return reduced.fixed, fixed_cost
    indexes = list(reduced.line_sets)
    rows = _distinct_rows([reduced.line_sets[index] for index in indexes])
    columns = [column for row in rows for column in row]
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row))
    matrix = sparse.csr_array(([1.0] * len(columns), columns, starts), shape=(len(rows), len(indexes)))
    options: dict[str, Any] = {"mip_rel_gap": 0.0} | ({} if time_limit is None else {"time_limit": time_limit})
    result = optimize.milp(
        [costs[index] for index in indexes],
        integrality=[1] * len(indexes),
        bounds=optimize.Bounds(0, 1),
        constraints=optimize.LinearConstraint(matrix, lb=1),
        options=options,
    )
    return _chosen(result, reduced, indexes), fixed_cost + _bound(result)


def _solver() -> tuple[Any, Any]:
    try:
        from scipy import optimize, sparse  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ConfigurationError(
            "--exact needs scipy: install it with pip install 'Flask-LiveCoverage[exact]', or omit --exact"
        ) from None
    return optimize, sparse


def _bound(result: Any) -> float:
    bound = getattr(result, "mip_dual_bound", None)
    return float(bound) if bound is not None and math.isfinite(bound) else 0.0


def _chosen(result: Any, reduced: _Reduction, indexes: list[int]) -> list[int] | None:
    if result.x is None:
        return None
    chosen = [index for index, value in zip(indexes, result.x, strict=True) if value > 0.5]
    missing = 0
    for lines in reduced.line_sets.values():
        missing |= lines
    for index in chosen:
        missing &= ~reduced.line_sets[index]
    # The solver computes with floats, so its result is used only if it covers everything.
    return None if missing else sorted(reduced.fixed + chosen)


class _Reduction:
    """A smaller problem: ``fixed`` sets are part of a cheapest cover, ``line_sets`` remain, without the fixed lines."""

    def __init__(self, line_sets: Sequence[int], costs: Sequence[float]) -> None:
        self.fixed: list[int] = []
        self.line_sets = {index: lines for index, lines in enumerate(line_sets) if lines}
        self._costs = costs
        while self._fix_essential() | self._drop_dominated():
            pass

    def _fix_essential(self) -> bool:
        """Fix the sets that hold a line which no other set holds."""
        once = twice = 0
        for lines in self.line_sets.values():
            twice |= once & lines
            once |= lines
        essential = [index for index, lines in self.line_sets.items() if lines & ~twice]
        covered = 0
        for index in essential:
            covered |= self.line_sets.pop(index)
        self.fixed += essential
        self.line_sets = {index: left for index, lines in self.line_sets.items() if (left := lines & ~covered)}
        return bool(essential)

    def _drop_dominated(self) -> bool:
        """Drop the sets that are subsets of one that costs no more."""
        cheapest: dict[int, int] = {}
        for index, lines in self.line_sets.items():
            other = cheapest.get(lines)
            if other is None or self._costs[index] < self._costs[other]:
                cheapest[lines] = index
        line_sets, indexes = list(cheapest), list(cheapest.values())
        supersets = Supersets(line_sets)
        costs = [self._costs[index] for index in indexes]
        before = len(self.line_sets)
        self.line_sets = {
            indexes[i]: lines
            for i, lines in enumerate(line_sets)
            if not any(costs[other] <= costs[i] for other in supersets.of(i))
        }
        return len(self.line_sets) < before


def _distinct_rows(line_sets: Sequence[int]) -> list[tuple[int, ...]]:
    """For each line, the sets that hold it; lines that are in the same sets share a row."""
    holders: dict[int, list[int]] = {}
    for column, lines in enumerate(line_sets):
        for line in positions(lines):
            holders.setdefault(line, []).append(column)
    return list(dict.fromkeys(map(tuple, holders.values())))
