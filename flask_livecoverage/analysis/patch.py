"""The statements of a file that a diff changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from ..model.bitmap import from_bitmap
from ..model.records import FileStatements


@dataclass(frozen=True, slots=True)
class ChangedStatements:
    """The changed statements of a file, by their first lines, ascending.

    ``counted`` are those whose first line has changed. Only these are lines of coverage.py's reports, so only these
    count there and in diff-cover. ``continued`` are those of which only further lines have changed.
    """

    counted: Sequence[int]
    continued: Sequence[int]


def changed_statements(statements: FileStatements, lines: Collection[int]) -> ChangedStatements:
    """The statements in the changed ``lines``. Excluded lines, comments and blank lines contain none."""
    counted = [line for line in from_bitmap(statements.statements) if line in lines]
    firsts = statements.first_lines()
    continued = {firsts[line] for line in lines if line in firsts} - {*counted}
    return ChangedStatements(counted, sorted(continued))
