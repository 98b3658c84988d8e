"""Inserts window events into the store, and assigns requests that are stored already to these windows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from .. import schema
from ..dialect import insert_missing
from ..queries.base import NO_TEST_ROW
from ..windows import Interval, WindowIntervals, last_event
from .batch import Caches, RequestRow, Row, change


def put_events(connection: sa.Connection, run: int, events: Iterable[Row], caches: Caches) -> None:
    """Insert window events into the store.

    Requests of other processes that began after an event may have been stored before it, so their window changes.
    """
    rows = [{"run": run, **event} for event in events]
    if not rows:
        return
    before = last_event(connection, run)
    connection.execute(insert_missing(connection, schema.windows), rows)
    if last_event(connection, run) != before:
        earliest = min(row["at"] for row in rows)
        for interval, end in WindowIntervals.of_run(connection, run, earliest).since(earliest):
            _assign(connection, run, interval, end, caches)


def _assign(connection: sa.Connection, run: int, interval: Interval, end: float, caches: Caches) -> None:
    before = [RequestRow(*row) for row in connection.execute(_wrongly_assigned(run, interval, end))]
    if before:
        caches.tests.intern(connection, [(interval.name,)])
        test = caches.tests[(interval.name,)]
        after = [row._replace(window=interval.window, test=row.test if row.names_test else test) for row in before]
        change(connection, before, after)


def _wrongly_assigned(run: int, interval: Interval, end: float) -> sa.Select[Any]:
    requests = schema.requests.c
    periods = sa.select(schema.periods.c.id).where(schema.periods.c.run == run)
    return sa.select(schema.requests).where(
        requests.period.in_(periods)
        & (requests.started_at >= interval.begins_at)
        & (requests.started_at < end)
        & (requests.window != interval.window)
        # Requests that belong to no test belong to no window.
        & sa.not_((requests.names_test == 1) & (requests.test == NO_TEST_ROW))
    )
