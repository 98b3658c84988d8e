"""The windows of runs, and what the requests left that began in them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import sqlalchemy as sa

from ...model.records import Window
from ..ingest.interning import CHUNK
from ..schema import executions, journals, requests, traces, windows
from ..windows import NO_WINDOW, Stretch, Windows, latest_event
from .base import QueryBase

# Not as integers: the squares of large numbers are too large for some databases.
_TRACE = sa.cast(executions.c.trace, sa.Double)
_MARK = (sa.func.sum(executions.c.requests), sa.func.count(), sa.func.sum(_TRACE), sa.func.sum(_TRACE * _TRACE))


class WindowQueries:
    """The windows of one run; the last four methods are of several as well."""

    def __init__(self, base: QueryBase) -> None:
        self._base = base
        self._connection = base.connection
        self._periods = base.periods

    @property
    def _run(self) -> int:
        (run,) = self._base.runs
        return run

    def open(self) -> str | None:
        """The name of the window that is open; None if none is."""
        latest = self._connection.execute(latest_event(self._run)).scalar()
        if latest is None:
            return None
        return Windows.of_run(self._connection, self._run, latest).stretches[-1].name or None

    def _last_opened(self) -> tuple[Stretch, float | None] | None:
        """The window that was opened last, and when it was closed; None if none was opened."""
        latest = self._connection.execute(latest_event(self._run, windows.c.name != "")).scalar()
        if latest is None:
            return None
        stretches = Windows.of_run(self._connection, self._run, latest).stretches
        place = max(place for place, stretch in enumerate(stretches) if stretch.name)
        # Nothing but a closing can follow.
        closed_at = stretches[place + 1].begins_at if place + 1 < len(stretches) else None
        return stretches[place], closed_at

    def last_opened(self) -> int:
        """The number of the window that was opened last; 0 if none was."""
        found = self._last_opened()
        return found[0].window if found else NO_WINDOW

    def last(self) -> tuple[Window, int] | None:
        """The window that was opened last, and how many requests began in it; None if none was opened."""
        found = self._last_opened()
        if found is None:
            return None
        opened, closed_at = found
        query = sa.select(sa.func.sum(executions.c.requests)).where(
            executions.c.period.in_(self._periods), executions.c.window == opened.window
        )
        return Window(opened.name, opened.begins_at, closed_at), int(self._connection.execute(query).scalar() or 0)

    def marks(self) -> dict[int, Hashable]:
        """For each window in which requests began something that changes when what they left does."""
        query = sa.select(executions.c.window, *_MARK).group_by(executions.c.window)
        rows = self._connection.execute(
            query.where(executions.c.period.in_(self._periods), executions.c.window != NO_WINDOW)
        )
        return {row.window: tuple(row) for row in rows}

    def mark_of_all(self, but: int = NO_WINDOW) -> Hashable:
        """Something that changes when what the requests left does which began in any window but this one."""
        query = sa.select(*_MARK, sa.func.sum(_TRACE * executions.c.window))
        left_out = executions.c.window.not_in((NO_WINDOW, but))
        return tuple(self._connection.execute(query.where(executions.c.period.in_(self._periods), left_out)).one())

    def left_in(self, numbers: Sequence[int]) -> dict[int, set[int]]:
        """The traces (numbers) that the requests left which began in each of these windows."""
        found: dict[int, set[int]] = {number: set() for number in numbers}
        for start in range(0, len(numbers), CHUNK):
            query = sa.select(executions.c.window, executions.c.trace).where(
                executions.c.period.in_(self._periods), executions.c.window.in_(numbers[start : start + CHUNK])
            )
            for window, trace in self._connection.execute(query):
                found[window].add(trace)
        return found

    def first_opened(self, numbers: Collection[int]) -> str | None:
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
            opened += ((at, token, position, name) for at, token, position, name in self._connection.execute(query))
        return min(opened)[-1] if opened else None

    def left_before(self, moment: float, known: Collection[int] = ()) -> set[int]:
        """The traces (numbers), without those in ``known``, that requests left which began before ``moment``."""
        recorded = self._connection.execute(
            sa.select(executions.c.trace).where(executions.c.period.in_(self._periods)).distinct()
        )
        candidates = sorted(set(recorded.scalars()).difference(known))
        found: set[int] = set()
        for start in range(0, len(candidates), CHUNK):
            # For each trace on its own: the first of its requests that an index finds is nearly always one of them.
            began = sa.exists().where(
                requests.c.trace == traces.c.id, requests.c.started_at < moment, requests.c.period.in_(self._periods)
            )
            query = sa.select(traces.c.id).where(traces.c.id.in_(candidates[start : start + CHUNK]), began)
            found.update(self._connection.execute(query).scalars())
        return found
