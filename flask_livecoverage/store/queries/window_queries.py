"""Queries on the windows of runs, and on the traces of the requests in them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import sqlalchemy as sa

from ...model.records import Window
from ..dialect import chunks
from ..schema import executions, journals, requests, traces, windows
from ..windows import NO_WINDOW, WindowIntervals, latest_event
from .base import QueryBase

# Not as integers, because the squares of large numbers are too large for some databases.
_TRACE = sa.cast(executions.c.trace, sa.Double)
_FINGERPRINT = (sa.func.sum(executions.c.requests), sa.func.count(), sa.func.sum(_TRACE), sa.func.sum(_TRACE * _TRACE))


class WindowQueries:
    """The windows of one run; the methods about traces and fingerprints work on several runs too."""

    def __init__(self, base: QueryBase) -> None:
        self._base = base
        self._connection = base.connection
        self._periods = base.periods

    @property
    def _run(self) -> int:
        (run,) = self._base.runs
        return run

    def open(self) -> str | None:
        """Return the name of the open window; None if none is open."""
        latest = self._connection.execute(latest_event(self._run)).scalar()
        if latest is None:
            return None
        return WindowIntervals.of_run(self._connection, self._run, latest).intervals[-1].name or None

    def last(self) -> tuple[Window, int] | None:
        """Return the window that was opened last, and how many requests began in it; None if none was opened."""
        latest = self._connection.execute(latest_event(self._run, windows.c.name != "")).scalar()
        found = None if latest is None else self.opened(latest)
        return found and found[1:]

    def opened(self, at: float) -> tuple[int, Window, int] | None:
        """Return the window that was opened at this moment: its number, and how many requests began in it."""
        intervals = WindowIntervals.of_run(self._connection, self._run, at).intervals
        found = [index for index, one in enumerate(intervals) if one.name and one.begins_at == at]
        if not found:
            return None
        # The last one, because the others were closed in the moment in which they were opened.
        interval, later = intervals[found[-1]], intervals[found[-1] + 1 :]
        window = Window(interval.name, interval.begins_at, later[0].begins_at if later else None)
        return interval.window, window, self._count_requests(interval.window)

    def _count_requests(self, window: int) -> int:
        counted = sa.select(sa.func.sum(executions.c.requests)).where(
            executions.c.period.in_(self._periods), executions.c.window == window
        )
        return int(self._connection.execute(counted).scalar() or 0)

    def fingerprints(self) -> dict[int, Hashable]:
        """Return, for each window with requests, a value that changes when their traces do."""
        query = sa.select(executions.c.window, *_FINGERPRINT).group_by(executions.c.window)
        rows = self._connection.execute(
            query.where(executions.c.period.in_(self._periods), executions.c.window != NO_WINDOW)
        )
        return {row.window: tuple(row) for row in rows}

    def fingerprint_of_all(self, but: int = NO_WINDOW) -> Hashable:
        """Return a value that changes when the traces of the requests in all windows but this one do."""
        query = sa.select(*_FINGERPRINT, sa.func.sum(_TRACE * executions.c.window))
        counts = executions.c.window.not_in((NO_WINDOW, but))
        return tuple(self._connection.execute(query.where(executions.c.period.in_(self._periods), counts)).one())

    def traces_in(self, numbers: Sequence[int]) -> dict[int, set[int]]:
        """Return the traces (numbers) of the requests in each of these windows."""
        found: dict[int, set[int]] = {number: set() for number in numbers}
        for chunk in chunks(numbers):
            query = sa.select(executions.c.window, executions.c.trace).where(
                executions.c.period.in_(self._periods), executions.c.window.in_(chunk)
            )
            for window, trace in self._connection.execute(query):
                found[window].add(trace)
        return found

    def first_opened(self, numbers: Collection[int], until: float) -> str | None:
        """Return the name of that one of these windows that was opened first, if that was ``until`` this moment."""
        opened: list[tuple[float, str, int, str]] = []
        for chunk in chunks(sorted(numbers)):
            query = (
                sa.select(windows.c.at, journals.c.token, windows.c.position, windows.c.name)
                .join(journals, journals.c.id == windows.c.journal)
                .where(windows.c.id.in_(chunk), windows.c.at <= until)
                .order_by(windows.c.at, journals.c.token, windows.c.position)
                .limit(1)
            )
            opened += ((at, token, position, name) for at, token, position, name in self._connection.execute(query))
        return min(opened)[-1] if opened else None

    def traces_before(self, moment: float, known: Collection[int] = ()) -> set[int]:
        """Return the traces (numbers) of requests that began before ``moment``, without those in ``known``."""
        recorded = self._connection.execute(
            sa.select(executions.c.trace).where(executions.c.period.in_(self._periods)).distinct()
        )
        candidates = sorted(set(recorded.scalars()).difference(known))
        found: set[int] = set()
        for chunk in chunks(candidates):
            # For each trace by itself, because the first of its requests in an index is nearly always one of them.
            began = sa.exists().where(
                requests.c.trace == traces.c.id, requests.c.started_at < moment, requests.c.period.in_(self._periods)
            )
            query = sa.select(traces.c.id).where(traces.c.id.in_(chunk), began)
            found.update(self._connection.execute(query).scalars())
        return found
