"""Puts window events into the store, and requests that are there already into the windows that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa

from .. import schema
from ..dialect import insert_missing
from ..queries.base import NO_TEST
from ..windows import Stretch, Windows, last_event
from .batch import Caches, RequestRow, Row, change


def put_events(connection: sa.Connection, run: int, events: Iterable[Row], caches: Caches) -> None:
    """Put the events of windows into the store.

    Another process's requests that began behind an event may have come into the store before it: they change windows.
    """
    rows = [{"run": run, **event} for event in events]
    if not rows:
        return
    before = last_event(connection, run)
    connection.execute(insert_missing(connection, schema.windows), rows)
    if last_event(connection, run) != before:
        earliest = min(row["at"] for row in rows)
        for stretch, end in Windows.of_run(connection, run, earliest).since(earliest):
            _place(connection, run, stretch, end, caches)


def _place(connection: sa.Connection, run: int, stretch: Stretch, end: float, caches: Caches) -> None:
    before = [RequestRow(*row) for row in connection.execute(_misplaced(run, stretch, end))]
    if before:
        caches.tests.learn(connection, [(stretch.name,)])
        test = caches.tests[(stretch.name,)]
        after = [row._replace(window=stretch.window, test=row.test if row.names_test else test) for row in before]
        change(connection, before, after)


def _misplaced(run: int, stretch: Stretch, end: float) -> sa.Select[Any]:
    requests = schema.requests.c
    periods = sa.select(schema.periods.c.id).where(schema.periods.c.run == run)
    return sa.select(schema.requests).where(
        requests.period.in_(periods)
        & (requests.started_at >= stretch.begins_at)
        & (requests.started_at < end)
        & (requests.window != stretch.window)
        # No test's, and so in no window.
        & sa.not_((requests.names_test == 1) & (requests.test == NO_TEST))
    )
