"""The base of all queries: some runs in the store, and the filters on their requests."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from ...model.filters import Filters
from ...model.records import NO_ROUTE
from .. import schema

# The number that stands for no test.
NO_TEST_ROW = 1

test_name: sa.ColumnElement[str] = schema.tests.c.name
route_name: sa.ColumnElement[str] = (
    schema.routes.c.method + " " + sa.case((schema.routes.c.rule == "", NO_ROUTE), else_=schema.routes.c.rule)
)


class QueryBase:
    """Some runs in the store, as it was when this object was made.

    :param runs: their numbers in the store.
    :param period: the only period that counts; all if None.
    """

    def __init__(self, connection: sa.Connection, runs: Sequence[int], period: int | None = None) -> None:
        self.connection = connection
        self.runs = list(runs)
        self.period = period
        periods = sa.select(schema.periods.c.id).where(schema.periods.c.run.in_(self.runs))
        if period is not None:
            periods = periods.where(schema.periods.c.number == period)
        self.periods = list(connection.execute(periods).scalars())

    @cached_property
    def journals(self) -> dict[int, Any]:
        """The rows of the runs' journals, by number."""
        rows = self.connection.execute(sa.select(schema.journals).where(schema.journals.c.run.in_(self.runs)))
        return {row.id: row for row in rows}

    @property
    def root(self) -> str:
        """The folder in which the server ran; paths are shown relative to it. Empty if nothing was recorded."""
        first = min(
            (journal for journal in self.journals.values() if journal.root),
            key=lambda row: row.started_at,
            default=None,
        )
        return first.root if first else ""

    def executions(self, filters: Filters | None = None) -> sa.Select[Any]:
        """Return a query for the executions that pass ``filters``."""
        if filters is None or filters.since is None:
            table = schema.executions.c
            columns: list[Any] = [table.requests, table.duration_us, table.last_at]
        else:
            # The table of executions has no time for each request, so compute them from the requests.
            table = schema.requests.c
            durations, newest = sa.func.sum(table.duration_us), sa.func.max(table.started_at)
            columns = [sa.func.count().label("requests"), durations.label("duration_us"), newest.label("last_at")]
        keys = [table.test, table.route, table.trace]
        query = filtered(sa.select(*keys, *columns), table, filters).where(table.period.in_(self.periods))
        return query if table is schema.executions.c else query.group_by(*keys)


def filtered(query: sa.Select[Any], table: Any, filters: Filters | None) -> sa.Select[Any]:
    """Return ``query`` with conditions on the columns of ``table``, requests or executions."""
    if filters is None:
        return query
    if filters.test is not None:
        tests = schema.tests.c
        wanted = sa.select(tests.id).where(tests.name == filters.test).scalar_subquery()
        query = query.where(table.test == wanted, table.test != NO_TEST_ROW)
    if filters.route is not None:
        routes = schema.routes.c
        named = sa.or_(routes.rule == filters.route, route_name == filters.route)
        query = query.where(table.route.in_(sa.select(routes.id).where(named)))
    if filters.status is not None:
        query = query.where(table.status.between(*filters.status))
    if filters.since is not None:
        query = query.where(table.started_at >= filters.since)
    return query
