"""Tests that execute nothing which another test does not: exact duplicates, and strict subsets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .subsets import Supersets
from .suite import Member, Suite

Preference = Literal["natural", "fastest", "keploy"]

_REASONS = {
    "natural": "first in natural order",
    "fastest": "lowest duration",
    "keploy": "first in lexicographic order",
}


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Members that executed the same lines: the one to keep, why that one, and the others in natural order."""

    survivor: Member
    reason: str
    duplicates: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Subsumed:
    """A member whose lines are a strict subset of another's, ``superset``, and how many lines each executed."""

    member: Member
    superset: Member
    lines: int
    superset_lines: int


@dataclass(frozen=True)
class Redundancy:
    """What of a suite executes nothing of its own.

    ``groups`` and ``subsumed`` share no member to remove: a subsumed member is the only one with its lines, or the
    survivor of its group. Without any of both, the suite still executes the same lines. ``without_lines`` are members
    that executed no line at all. They are neither: what was not seen is not known to be the same.
    """

    groups: Sequence[DuplicateGroup]
    subsumed: Sequence[Subsumed]
    without_lines: Sequence[Member]

    @property
    def duplicates(self) -> list[Member]:
        """The members of all groups, without their survivors."""
        return [member for group in self.groups for member in group.duplicates]


def find_redundancy(suite: Suite, prefer: Preference = "natural") -> Redundancy:
    """The duplicates and the subsumed members of ``suite``.

    Of members with the same lines survives, by ``prefer``: the first in natural order (``test-9`` before ``test-10``);
    the one with the lowest duration, of equal ones the first in natural order; or, as Keploy chooses, the first in
    lexicographic order (``test-10`` before ``test-9``). A subsumed member's superset is the largest one, of equally
    large ones that which ``prefer`` puts first; so it is never subsumed itself.
    """
    members_by_set: dict[int, list[tuple[int, Member]]] = {}
    without_lines = []
    empty = {index for index, lines in enumerate(suite.line_sets) if not lines}
    for place, member in enumerate(suite.members):
        if member.line_set in empty:
            without_lines.append(member)
        else:
            members_by_set.setdefault(member.line_set, []).append((place, member))
    rank = _rank(prefer)
    survivors = sorted((min(members, key=rank) for members in members_by_set.values()), key=rank)
    groups = [
        DuplicateGroup(
            survivor, _REASONS[prefer], [one for _, one in members_by_set[survivor.line_set] if one is not survivor]
        )
        for _, survivor in sorted(survivors, key=_place)
        if len(members_by_set[survivor.line_set]) > 1
    ]
    return Redundancy(groups, _find_subsumed(suite, survivors), without_lines)


def _place(placed: tuple[int, Member]) -> int:
    return placed[0]


def _rank(prefer: Preference) -> Callable[[tuple[int, Member]], Any]:
    """A key for members and their places in natural order; the lowest survives."""
    if prefer == "fastest":
        return lambda placed: (placed[1].duration_ms, placed[0])
    if prefer == "keploy":
        return lambda placed: placed[1].name
    return _place


def _find_subsumed(suite: Suite, survivors: Sequence[tuple[int, Member]]) -> list[Subsumed]:
    """Those of ``survivors``, one for each set of lines and in the order of preference, whose lines are a subset."""
    line_sets = [suite.lines(survivor) for _, survivor in survivors]
    supersets = Supersets(line_sets)
    found = []
    for index, placed in enumerate(survivors):
        largest = next(supersets.of(index), None)
        if largest is not None:
            found.append((placed, largest))
    found.sort()
    return [
        Subsumed(member, survivors[by][1], suite.lines(member).bit_count(), line_sets[by].bit_count())
        for (_, member), by in found
    ]
