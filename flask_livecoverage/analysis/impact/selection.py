"""The tests that changes can affect."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from .imports import closure
from .reach import Change

# The executed lines of each file, as bitmaps by path.
Executed = Mapping[str, int]


def select(
    changes: Sequence[Change], executed: Mapping[str, Executed], importers: Mapping[str, Collection[str]]
) -> dict[str, list[Change]]:
    """The tests that ``changes`` can affect, each with those that can.

    ``executed`` has the lines of each test, of the recorded contents; ``importers`` the files that import a file.
    """
    dependents = {path: closure(importers, path) for change in changes for path in change.reach.modules}
    selected = {}
    for test, lines in executed.items():
        reasons = [change for change in changes if reaches(change, lines, dependents)]
        if reasons:
            selected[test] = reasons
    return selected


def reaches(change: Change, executed: Executed, dependents: Mapping[str, Iterable[str]]) -> bool:
    """True if a change can affect a test that executed these lines."""
    reach = change.reach
    return (
        reach.everything
        or any(executed.get(path, 0) & bitmap for path, bitmap in reach.lines.items())
        or any(executed.get(path) for module in reach.modules for path in dependents[module])
    )
