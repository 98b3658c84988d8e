"""Finds tests that execute no line of their own: exact duplicates, and strict subsets of another test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .subsets import Supersets
from .suite import Member, Suite
from .survivors import NumberedMember, Preference, default_preference, members_by_line_set, rank

_REASONS = {
    "natural": "first in natural order",
    "fastest": "lowest duration",
    "keploy": "first in lexicographic order",
}


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Members that executed the same lines: the one to keep, the reason, and the others in natural order."""

    survivor: Member
    reason: str
    duplicates: Sequence[Member]


@dataclass(frozen=True, slots=True)
class Subsumed:
    """A member whose lines are a strict subset of those of another, ``superset``, and how many lines each executed."""

    member: Member
    superset: Member
    lines: int
    superset_lines: int


@dataclass(frozen=True)
class Redundancy:
    """The members of a suite that execute no line of their own.

    ``groups`` and ``subsumed`` share no member to remove: a subsumed member is the only one with its lines, or the
    survivor of its group. Without the members of both, the suite still executes the same lines. ``without_lines`` are
    members without any recorded line. They are in neither list, because nothing shows that they do the same.
    """

    groups: Sequence[DuplicateGroup]
    subsumed: Sequence[Subsumed]
    without_lines: Sequence[Member]

    @property
    def duplicates(self) -> list[Member]:
        """The members of all groups, without their survivors."""
        return [member for group in self.groups for member in group.duplicates]


def find_redundancy(suite: Suite, prefer: Preference | None = None) -> Redundancy:
    """The duplicates and the subsumed members of ``suite``.

    Of members with the same lines, ``prefer`` decides which one survives (see :func:`~.survivors.default_preference`):
    the first in natural order (``test-9`` before ``test-10``); the one with the lowest duration, among equals the first
    in natural order; or, as in Keploy, the first in lexicographic order (``test-10`` before ``test-9``). A subsumed
    member's superset is the largest one, among equals the first by ``prefer``; so it is never subsumed itself.
    """
    prefer = prefer or default_preference(suite)
    key = rank(prefer)
    members_by_set = members_by_line_set(suite)
    survivors = sorted((min(members, key=key) for members in members_by_set.values()), key=key)
    groups = [
        DuplicateGroup(
            survivor, _REASONS[prefer], [one for _, one in members_by_set[survivor.line_set] if one is not survivor]
        )
        for _, survivor in sorted(survivors, key=lambda survivor: survivor[0])
        if len(members_by_set[survivor.line_set]) > 1
    ]
    without_lines = [member for member in suite.members if not suite.line_sets[member.line_set]]
    return Redundancy(groups, _find_subsumed(suite, survivors), without_lines)


def _find_subsumed(suite: Suite, survivors: Sequence[NumberedMember]) -> list[Subsumed]:
    """The subsumed ones of ``survivors``, which are one for each set of lines, in the order of preference."""
    line_sets = [suite.lines(survivor) for _, survivor in survivors]
    supersets = Supersets(line_sets)
    found = []
    for index, survivor in enumerate(survivors):
        largest = next(supersets.of(index), None)
        if largest is not None:
            found.append((survivor, largest))
    found.sort()
    return [
        Subsumed(member, survivors[by][1], suite.lines(member).bit_count(), line_sets[by].bit_count())
        for (_, member), by in found
    ]
