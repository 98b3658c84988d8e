"""The windows of a run, and the requests that began in them.

Any process of a run may open and close windows, so an event may come into the store after requests that began behind
it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..model import Executed, Window
from .schema import executions, journals, requests, traces, windows

NO_WINDOW = 0


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time, to the next event: the window in it (:data:`NO_WINDOW` for none) and its name."""

    begins_at: float
    window: int
    name: str


class Windows:
    """Which window a moment lies in; at most one is open at a time, in all processes of the run."""

    def __init__(self, stretches: Sequence[Stretch] = ()) -> None:
        self.stretches = stretches
        self._beginnings = [stretch.begins_at for stretch in stretches]

    @classmethod
    def of_run(cls, connection: sa.Connection, run: int) -> Windows:
        """The windows of ``run`` that are in the store."""
        events = (
            sa.select(windows.c.at, windows.c.id, windows.c.name)
            .join(journals, journals.c.id == windows.c.journal)
            .where(windows.c.run == run)
            .order_by(windows.c.at, journals.c.token, windows.c.position)
        )
        found = connection.execute(events)
        return cls([Stretch(at, window if name else NO_WINDOW, name) for at, window, name in found])

    def at(self, moment: float) -> tuple[int, str]:
        """The window in which ``moment`` lies, and its name; NO_WINDOW and an empty name for none."""
        index = bisect_right(self._beginnings, moment) - 1
        if index < 0:
            return NO_WINDOW, ""
        stretch = self.stretches[index]
        return stretch.window, stretch.name

    def since(self, moment: float) -> list[tuple[Stretch, float]]:
        """The stretches that begin at ``moment`` or later, and the one it lies in, each with its end."""
        first = max(0, bisect_right(self._beginnings, moment) - 1)
        ends = [*self._beginnings[first + 1 :], float("inf")]
        return list(zip(self.stretches[first:], ends, strict=True))


def open_window(connection: sa.Connection, run: int) -> str | None:
    """The name of the window of ``run`` that is open; None if none is."""
    *_, last = (Stretch(0.0, NO_WINDOW, ""), *Windows.of_run(connection, run).stretches)
    return last.name or None


def last_window(connection: sa.Connection, run: int, periods: Sequence[int]) -> tuple[Window, int] | None:
    """The window of ``run`` that was opened last, and how many requests began in it; None if none was opened."""
    stretches = Windows.of_run(connection, run).stretches
    place = max((place for place, stretch in enumerate(stretches) if stretch.name), default=None)
    if place is None:
        return None
    opened = stretches[place]
    # Nothing but a closing can follow.
    closed_at = stretches[place + 1].begins_at if place + 1 < len(stretches) else None
    query = sa.select(sa.func.sum(executions.c.requests)).where(
        executions.c.period.in_(periods), executions.c.window == opened.window
    )
    return Window(opened.name, opened.begins_at, closed_at), int(connection.execute(query).scalar() or 0)


def executed_in_windows(connection: sa.Connection, run: int, periods: Sequence[int]) -> list[Executed]:
    """What the requests that began in each window of ``run`` executed, in the order in which the windows opened."""
    left = (
        sa.select(executions.c.window, traces.c.digest, sa.func.sum(executions.c.requests).label("requests"),
                  sa.func.sum(executions.c.duration_us).label("duration_us"))
        .join(traces, traces.c.id == executions.c.trace)
        .where(executions.c.period.in_(periods), executions.c.window != NO_WINDOW)
        .group_by(executions.c.window, traces.c.digest)
    )  # fmt: skip
    by_window = defaultdict(list)
    for row in connection.execute(left):
        by_window[row.window].append(row)
    return [
        Executed(
            stretch.name,
            sum(row.requests for row in by_window[stretch.window]),
            sum(row.duration_us for row in by_window[stretch.window]) / 1000,
            [row.digest for row in by_window[stretch.window]],
        )
        for stretch in Windows.of_run(connection, run).stretches
        if stretch.window != NO_WINDOW
    ]


def traces_before_last_window(connection: sa.Connection, run: int, periods: Sequence[int]) -> list[str]:
    """The ids of the traces that requests left which began before the last window of ``run`` opened."""
    openings = [s.begins_at for s in Windows.of_run(connection, run).stretches if s.window != NO_WINDOW]
    # Asked of each trace on its own: the first of its requests that an index finds is nearly always one of them.
    began = sa.exists().where(
        requests.c.trace == traces.c.id, requests.c.started_at < max(openings), requests.c.period.in_(periods)
    )
    recorded = sa.select(executions.c.trace).where(executions.c.period.in_(periods))
    return list(connection.execute(sa.select(traces.c.digest).where(traces.c.id.in_(recorded), began)).scalars())


def last_event(connection: sa.Connection, run: int) -> int:
    """A number that changes when a window event of ``run`` is added."""
    newest: Any = connection.execute(sa.select(sa.func.max(windows.c.id)).where(windows.c.run == run)).scalar()
    return newest or 0
