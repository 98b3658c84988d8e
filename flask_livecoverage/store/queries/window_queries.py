"""Queries on the windows of runs, and on the traces of the requests in them."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence

import sqlalchemy as sa

from ...model.records import Window
from ..dialect import chunks
from ..schema import executions, journals, requests, traces, windows
from ..windows import NO_WINDOW, Interval, WindowIntervals, latest_event
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

    def _last_opened(self) -> tuple[Interval, float | None] | None:
        """Return the window that was opened last, and when it was closed; None if none was opened."""
        latest = self._connection.execute(latest_event(self._run, windows.c.name != "")).scalar()
        if latest is None:
            return None
        intervals = WindowIntervals.of_run(self._connection, self._run, latest).intervals
        last = max(index for index, interval in enumerate(intervals) if interval.name)
        # Only a closing event can follow.
        closed_at = intervals[last + 1].begins_at if last + 1 < len(intervals) else None
        return intervals[last], closed_at

    def last_opened(self) -> int:
        """Return the number of the window that was opened last; 0 if none was."""
        found = self._last_opened()
        return found[0].window if found else NO_WINDOW

    def last(self) -> tuple[Window, int] | None:
        """Return the window that was opened last, and how many requests began in it; None if none was opened."""
        found = self._last_opened()
        if found is None:
            return None
        opened, closed_at = found
        query = sa.select(sa.func.sum(executions.c.requests)).where(
            executions.c.period.in_(self._periods), executions.c.window == opened.window
        )
        return Window(opened.name, opened.begins_at, closed_at), int(self._connection.execute(query).scalar() or 0)

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

    def first_opened(self, numbers: Collection[int]) -> str | None:
        """Return the name of that one of these windows that was opened first; None without windows."""
        opened: list[tuple[float, str, int, str]] = []
        for chunk in chunks(sorted(numbers)):
            query = (
                sa.select(windows.c.at, journals.c.token, windows.c.position, windows.c.name)
                .join(journals, journals.c.id == windows.c.journal)
                .where(windows.c.id.in_(chunk))
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
