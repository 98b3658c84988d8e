"""Adds late lines to their requests, once both are in the store."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ...model.records import Trace
from .. import schema
from ..traces import load_traces
from .batch import Caches, RequestRow, Row, change, put_trace


def apply_late_updates(connection: sa.Connection, run: int, caches: Caches) -> None:
    """Add the late lines of ``run`` to their requests. Those whose request or trace is not stored yet are kept."""
    updates = [row._asdict() for row in connection.execute(_ready(run))]
    if not updates:
        return
    unions = _Unions(connection, run, caches)
    before: dict[int, RequestRow] = {}
    after: dict[int, RequestRow] = {}
    for update in updates:
        request = RequestRow(*(update[name] for name in RequestRow._fields))
        before.setdefault(request.id, request)
        after[request.id] = _updated(after.get(request.id, request), update, unions)
    change(connection, before.values(), after.values())
    done = sa.delete(schema.late_updates).where(schema.late_updates.c.id == sa.bindparam("key"))
    connection.execute(done, [{"key": update["late_update"]} for update in updates])


def _ready(run: int) -> sa.Select[Any]:
    """Return a query for the late lines that can be added, in the order of their insertion, each with its request."""
    late, requests = schema.late_updates.c, schema.requests.c
    later, earlier = schema.traces.alias("later"), schema.traces.alias("earlier")
    return (
        sa.select(
            schema.requests,
            late.id.label("late_update"),
            late.trace.label("later"),
            late.status.label("new_status"),
            late.duration_us.label("new_duration_us"),
            late.ended,
        )
        .join_from(schema.late_updates, schema.requests, requests.id == late.request)
        .join(later, (later.c.id == late.trace) & later.c.lines.is_not(None))
        .join(earlier, (earlier.c.id == requests.trace) & earlier.c.lines.is_not(None))
        .where(late.run == run)
        .order_by(late.id)
        # Concurrent processes take turns, even if the database is not locked as a whole.
        .with_for_update(of=schema.late_updates)
    )


def _updated(request: RequestRow, update: Row, unions: _Unions) -> RequestRow:
    new = {name: update[f"new_{name}"] for name in ("status", "duration_us") if update[f"new_{name}"] is not None}
    if update["ended"] is not None:
        new["under_way"] = 0 if update["ended"] else 1
    return request._replace(trace=unions.of(request.trace, update["later"]), **new)


class _Unions:
    """Unions of two traces, by their numbers; new ones are stored."""

    def __init__(self, connection: sa.Connection, run: int, caches: Caches) -> None:
        self._connection = connection
        self._run = run
        self._caches = caches
        self._traces: dict[int, Trace] = {}
        self._known: dict[tuple[int, int], int] = {}

    def of(self, trace: int, later: int) -> int:
        if trace == later:
            return trace
        if (trace, later) not in self._known:
            both = self._load(trace) | self._load(later)
            self._known[trace, later] = put_trace(self._connection, self._run, both, self._caches)
        return self._known[trace, later]

    def _load(self, number: int) -> Trace:
        if number not in self._traces:
            self._traces.update(load_traces(self._connection, [number]))
        return self._traces[number]
