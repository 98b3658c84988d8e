"""Requests grouped by their tests and routes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any, Literal

import sqlalchemy as sa

from ...model.filters import Filters
from ...model.records import ExecutionTotals
from .. import schema
from .base import NO_TEST_ROW, QueryBase, filtered, route_name, test_name

By = Literal["test", "route", "request"]


class GroupQueries:
    """The traces of each test, route or request of some runs."""

    def __init__(self, base: QueryBase) -> None:
        self._base = base
        self._connection = base.connection
        self._periods = base.periods

    def executed(self, by: By, filters: Filters | None = None) -> Iterator[ExecutionTotals]:
        """Yield what each test, route (``GET /user/<id>``) or request executed.

        For tests, requests without a test are left out.
        """
        if by == "request":
            yield from self._executed_by_request(filters)
            return
        name = test_name if by == "test" else route_name
        rows = self._grouped(name, filters, tests_only=by == "test")
        for key, group in groupby(rows, key=lambda row: row[0]):
            items = list(group)
            duration = sum(row.duration_us for row in items) / 1000
            yield ExecutionTotals(key, sum(row.requests for row in items), duration, [row.digest for row in items])

    def _executed_by_request(self, filters: Filters | None) -> Iterator[ExecutionTotals]:
        table = schema.requests.c
        query = (
            filtered(sa.select(table.id, table.duration_us, schema.traces.c.digest), table, filters)
            .join(schema.traces, schema.traces.c.id == table.trace)
            .where(table.period.in_(self._periods))
            .order_by(table.id)
            .execution_options(yield_per=10_000)
        )
        tokens = {journal.id: journal.token for journal in self._base.journals.values()}
        for key, duration, digest in self._connection.execute(query):
            journal, number = schema.journal_and_number(key)
            yield ExecutionTotals(f"{tokens[journal]}-{number}", 1, duration / 1000, (digest,))

    def _grouped(self, name: sa.ColumnElement[str], filters: Filters | None, *, tests_only: bool) -> Iterable[Any]:
        source = self._base.executions(filters).subquery()
        query = (
            sa.select(
                name, schema.traces.c.digest, sa.func.sum(source.c.requests).label("requests"),
                sa.func.sum(source.c.duration_us).label("duration_us"),
            )
            .join_from(source, schema.traces, schema.traces.c.id == source.c.trace)
            .join(schema.tests, schema.tests.c.id == source.c.test)
            .join(schema.routes, schema.routes.c.id == source.c.route)
            .group_by(name, schema.traces.c.digest)
            .order_by(name, schema.traces.c.digest)
        )  # fmt: skip
        return self._connection.execute(query.where(source.c.test != NO_TEST_ROW) if tests_only else query)

    def executions_of_tests(self) -> Iterator[tuple[str, str, str | None, str]]:
        """Yield a test, a method and a URL rule of its requests, and the id of a trace that they executed."""
        source, routes = self._base.executions().subquery(), schema.routes.c
        query = (
            sa.select(test_name, routes.method, routes.rule, schema.traces.c.digest)
            .join_from(source, schema.traces, schema.traces.c.id == source.c.trace)
            .join(schema.tests, schema.tests.c.id == source.c.test)
            .join(schema.routes, routes.id == source.c.route)
            .where(source.c.test != NO_TEST_ROW)
            .distinct()
        )
        for test, method, rule, trace in self._connection.execute(query):
            yield test, method, rule or None, trace

    def traces_without_test(self) -> list[str]:
        """Return the ids of the traces of requests that belong to no test."""
        executions, traces = schema.executions.c, schema.traces.c
        query = sa.select(traces.digest).join_from(schema.executions, schema.traces, traces.id == executions.trace)
        wanted = query.where(executions.period.in_(self._periods), executions.test == NO_TEST_ROW)
        return list(self._connection.execute(wanted.distinct()).scalars())

    def names_of_tests(self) -> list[str]:
        """Return the names of the tests that requests name."""
        table = schema.executions.c
        tests = sa.select(table.test).where(table.period.in_(self._periods), table.test != NO_TEST_ROW)
        query = sa.select(test_name).where(schema.tests.c.id.in_(tests))
        return list(self._connection.execute(query).scalars())

    def tests_by_route(self, filters: Filters | None = None) -> dict[str, int]:
        """Return how many tests each route has, by its name."""
        source = self._base.executions(filters).subquery()
        query = (
            sa.select(route_name, sa.func.count(sa.distinct(source.c.test)))
            .join_from(source, schema.routes, schema.routes.c.id == source.c.route)
            .where(source.c.test != NO_TEST_ROW)
            .group_by(route_name)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}
