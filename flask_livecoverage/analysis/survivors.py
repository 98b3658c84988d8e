"""Decides which of several tests with the same lines is kept, by one rule for all lists of removable tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .suite import Member, Suite, are_set_and_id

Preference = Literal["natural", "fastest", "keploy"]

# A member, after its position in the natural order of names.
NumberedMember = tuple[int, Member]


def default_preference(suite: Suite) -> Preference:
    """The default rule.

    Only names decide, not durations, because those differ from run to run. So every list, of every run, keeps the same
    test. For Keploy's test cases (``set/test``) it is Keploy's own order, because Keploy finds their duplicates too.
    """
    return "keploy" if are_set_and_id(member.name for member in suite.members) else "natural"


def rank(prefer: Preference) -> Callable[[NumberedMember], Any]:
    """A sort key for members with the same lines: the lowest survives."""
    if prefer == "fastest":
        return lambda numbered: (numbered[1].duration_ms, numbered[0])
    if prefer == "keploy":
        return lambda numbered: numbered[1].name
    return lambda numbered: numbered[0]


def members_by_line_set(suite: Suite) -> dict[int, list[NumberedMember]]:
    """The members of each set of lines that is not empty, in natural order."""
    found: dict[int, list[NumberedMember]] = {}
    for number, member in enumerate(suite.members):
        if suite.line_sets[member.line_set]:
            found.setdefault(member.line_set, []).append((number, member))
    return found
