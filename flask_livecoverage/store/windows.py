"""The windows of a run, as intervals of time.

Any process of a run may open and close windows, so an event may be stored after requests that began later than it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from .schema import journals, windows

NO_WINDOW = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """An interval of time between two events: the window in it (:data:`NO_WINDOW` for none) and its name."""

    begins_at: float
    window: int
    name: str


class WindowIntervals:
    """Finds the window at a moment; at most one is open at a time, in all processes of the run."""

    def __init__(self, intervals: Sequence[Interval] = ()) -> None:
        self.intervals = intervals
        self._beginnings = [interval.begins_at for interval in intervals]

    @classmethod
    def of_run(cls, connection: sa.Connection, run: int, since: float | None = None) -> WindowIntervals:
        """Return the windows of ``run`` in the store; with ``since``, those that moments from then on can lie in."""
        events = (
            sa.select(windows.c.at, windows.c.id, windows.c.name)
            .join(journals, journals.c.id == windows.c.journal)
            .where(windows.c.run == run)
            .order_by(windows.c.at, journals.c.token, windows.c.position)
        )
        if since is not None:
            lies_in = latest_event(run, windows.c.at <= since).scalar_subquery()
            events = events.where(windows.c.at >= sa.func.coalesce(lies_in, since))
        found = connection.execute(events)
        return cls([Interval(at, window if name else NO_WINDOW, name) for at, window, name in found])

    def at(self, moment: float) -> tuple[int, str]:
        """Return the window in which ``moment`` lies, and its name; NO_WINDOW and an empty name for none."""
        index = bisect_right(self._beginnings, moment) - 1
        if index < 0:
            return NO_WINDOW, ""
        interval = self.intervals[index]
        return interval.window, interval.name

    def since(self, moment: float) -> list[tuple[Interval, float]]:
        """Return the intervals that begin at ``moment`` or later, and the one it lies in, each with its end."""
        first = max(0, bisect_right(self._beginnings, moment) - 1)
        ends = [*self._beginnings[first + 1 :], float("inf")]
        return list(zip(self.intervals[first:], ends, strict=True))


def latest_event(run: int, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Return a query for the time of the latest event of ``run`` for which ``conditions`` hold."""
    return sa.select(sa.func.max(windows.c.at)).where(windows.c.run == run, *conditions)


def last_event(connection: sa.Connection, run: int) -> int:
    """Return a number that changes when a window event of ``run`` is added."""
    newest: Any = connection.execute(sa.select(sa.func.max(windows.c.id)).where(windows.c.run == run)).scalar()
    return newest or 0
