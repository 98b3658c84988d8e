"""The windows of a run, and the requests that began in them.

Any process of a run may open and close windows, so an event may come into the store after requests that began behind
it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..model.records import Window
from .ingest.interning import CHUNK
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
    def of_run(cls, connection: sa.Connection, run: int, since: float | None = None) -> Windows:
        """The windows of ``run`` that are in the store; with ``since``, as far as moments from then on need them."""
        events = (
            sa.select(windows.c.at, windows.c.id, windows.c.name)
            .join(journals, journals.c.id == windows.c.journal)
            .where(windows.c.run == run)
            .order_by(windows.c.at, journals.c.token, windows.c.position)
        )
        if since is not None:
            lies_in = _latest(run, windows.c.at <= since).scalar_subquery()
            events = events.where(windows.c.at >= sa.func.coalesce(lies_in, since))
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
    latest = connection.execute(_latest(run)).scalar()
    if latest is None:
        return None
    return Windows.of_run(connection, run, latest).stretches[-1].name or None


def last_opened(connection: sa.Connection, run: int) -> tuple[Stretch, float | None] | None:
    """The window of ``run`` that was opened last, and when it was closed; None if none was opened."""
    latest = connection.execute(_latest(run, windows.c.name != "")).scalar()
    if latest is None:
        return None
    stretches = Windows.of_run(connection, run, latest).stretches
    place = max(place for place, stretch in enumerate(stretches) if stretch.name)
    # Nothing but a closing can follow.
    closed_at = stretches[place + 1].begins_at if place + 1 < len(stretches) else None
    return stretches[place], closed_at


def last_window(connection: sa.Connection, run: int, periods: Sequence[int]) -> tuple[Window, int] | None:
    """The window of ``run`` that was opened last, and how many requests began in it; None if none was opened."""
    found = last_opened(connection, run)
    if found is None:
        return None
    opened, closed_at = found
    query = sa.select(sa.func.sum(executions.c.requests)).where(
        executions.c.period.in_(periods), executions.c.window == opened.window
    )
    return Window(opened.name, opened.begins_at, closed_at), int(connection.execute(query).scalar() or 0)


def _latest(run: int, *conditions: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(sa.func.max(windows.c.at)).where(windows.c.run == run, *conditions)


def marks(connection: sa.Connection, periods: Sequence[int]) -> dict[int, Hashable]:
    """For each window in which requests began something that changes when what they left does."""
    query = sa.select(executions.c.window, *_MARK).group_by(executions.c.window)
    rows = connection.execute(query.where(executions.c.period.in_(periods), executions.c.window != NO_WINDOW))
    return {row.window: tuple(row) for row in rows}


def mark_of_all(connection: sa.Connection, periods: Sequence[int], but: int) -> Hashable:
    """Something that changes when what the requests left does which began in any window but this one."""
    query = sa.select(*_MARK, sa.func.sum(_TRACE * executions.c.window))
    left_out = executions.c.window.not_in((NO_WINDOW, but))
    return tuple(connection.execute(query.where(executions.c.period.in_(periods), left_out)).one())


# Not as integers: the squares of large numbers are too large for some databases.
_TRACE = sa.cast(executions.c.trace, sa.Double)
_MARK = (sa.func.sum(executions.c.requests), sa.func.count(), sa.func.sum(_TRACE), sa.func.sum(_TRACE * _TRACE))


def left_in(connection: sa.Connection, periods: Sequence[int], numbers: Sequence[int]) -> dict[int, set[int]]:
    """The traces (numbers) that the requests left which began in each of these windows."""
    found: dict[int, set[int]] = {number: set() for number in numbers}
    for start in range(0, len(numbers), CHUNK):
        query = sa.select(executions.c.window, executions.c.trace).where(
            executions.c.period.in_(periods), executions.c.window.in_(numbers[start : start + CHUNK])
        )
        for window, trace in connection.execute(query):
            found[window].add(trace)
    return found


def first_opened(connection: sa.Connection, numbers: Collection[int]) -> str | None:
    """The name of the one of these windows that was opened first; None if there are none."""
    wanted = sorted(numbers)
    opened: list[tuple[float, str, int, str]] = []
    for start in range(0, len(wanted), CHUNK):
        query = (
            sa.select(windows.c.at, journals.c.token, windows.c.position, windows.c.name)
            .join(journals, journals.c.id == windows.c.journal)
            .where(windows.c.id.in_(wanted[start : start + CHUNK]))
            .order_by(windows.c.at, journals.c.token, windows.c.position)
            .limit(1)
        )
        opened += ((at, token, position, name) for at, token, position, name in connection.execute(query))
    return min(opened)[-1] if opened else None


def left_before(connection: sa.Connection, periods: Sequence[int], moment: float, known: Collection[int]) -> set[int]:
    """The traces (numbers), without those in ``known``, that requests left which began before ``moment``."""
    recorded = connection.execute(sa.select(executions.c.trace).where(executions.c.period.in_(periods)).distinct())
    candidates = sorted(set(recorded.scalars()).difference(known))
    found: set[int] = set()
    for start in range(0, len(candidates), CHUNK):
        # Asked of each trace on its own: the first of its requests that an index finds is nearly always one of them.
        began = sa.exists().where(
            requests.c.trace == traces.c.id, requests.c.started_at < moment, requests.c.period.in_(periods)
        )
        query = sa.select(traces.c.id).where(traces.c.id.in_(candidates[start : start + CHUNK]), began)
        found.update(connection.execute(query).scalars())
    return found


def last_event(connection: sa.Connection, run: int) -> int:
    """A number that changes when a window event of ``run`` is added."""
    newest: Any = connection.execute(sa.select(sa.func.max(windows.c.id)).where(windows.c.run == run)).scalar()
    return newest or 0
