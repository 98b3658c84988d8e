"""Which of several tests with the same lines stays: one rule for every list of what can go."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from .suite import Member, Suite, are_set_and_id

Preference = Literal["natural", "fastest", "keploy"]

# A member, and its place in the natural order of names.
NumberedMember = tuple[int, Member]


def default_preference(suite: Suite) -> Preference:
    """The rule that holds unless somebody asks for another one.

    Names alone decide, not durations, which differ from run to run: so each list, of each run, keeps the same test.
    Keploy's test cases (``set/test``) follow Keploy's own order, because Keploy finds their duplicates too.
    """
    return "keploy" if are_set_and_id(member.name for member in suite.members) else "natural"


def rank(prefer: Preference) -> Callable[[NumberedMember], Any]:
    """A key for members of the same lines: the lowest survives."""
    if prefer == "fastest":
        return lambda placed: (placed[1].duration_ms, placed[0])
    if prefer == "keploy":
        return lambda placed: placed[1].name
    return lambda placed: placed[0]


def members_by_line_set(suite: Suite) -> dict[int, list[NumberedMember]]:
    """The members of each set of lines that is not empty, in natural order."""
    found: dict[int, list[NumberedMember]] = {}
    for place, member in enumerate(suite.members):
        if suite.line_sets[member.line_set]:
            found.setdefault(member.line_set, []).append((place, member))
    return found
