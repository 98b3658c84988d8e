"""Queries on single requests."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa

from ...model.filters import Filters
from ...model.records import RequestRecord
from ...model.text import whole_number
from .. import schema
from ..dialect import chunks
from .base import NO_TEST_ROW, QueryBase, filtered

Sort = Literal["time", "method", "path", "status", "ms", "test", "route"]


class RequestQueries:
    """The requests of some runs."""

    def __init__(self, base: QueryBase) -> None:
        self._base = base
        self._connection = base.connection
        self._periods = base.periods

    def newest(self, filters: Filters | None = None, limit: int | None = None) -> list[RequestRecord]:
        """Return the records of requests, newest first."""
        if filters is not None and filters.test is not None:
            return self.newest_of(self._last_executions(filters), filters, limit)
        table = schema.requests.c
        query = filtered(_records(), table, filters).where(table.period.in_(self._periods))
        query = query.order_by(table.started_at.desc(), table.id.desc()).limit(limit)
        return [self._record(row) for row in self._connection.execute(query)]

    def _last_executions(self, filters: Filters) -> Sequence[Any]:
        """Return, for each trace and test of the requests that pass ``filters``, the time of the last request."""
        source = self._base.executions(filters).subquery()
        newest = sa.func.max(source.c.last_at).label("last_at")
        query = sa.select(source.c.trace, source.c.test, newest).group_by(source.c.trace, source.c.test)
        return self._connection.execute(query).all()

    def newest_of(self, executions: Iterable[Any], filters: Filters | None, limit: int | None) -> list[RequestRecord]:
        """Return the newest requests, at most ``limit``, with one of some traces in its test.

        ``executions`` has rows with a trace, a test, and the time of the last request: rows that are too old to be
        among the newest are not looked up.
        """
        last = {(row.trace, row.test): row.last_at for row in sorted(executions, key=lambda row: row.last_at)}
        newest: list[tuple[float, int]] = []
        table = schema.requests.c
        for (trace, test), at in sorted(last.items(), key=lambda item: -item[1]):
            if len(newest) == limit and at < newest[-1][0]:
                break  # and so are all that follow
            query = filtered(sa.select(table.started_at, table.id), table, filters)
            query = query.where(table.trace == trace, table.test == test, table.period.in_(self._periods))
            query = query.order_by(table.started_at.desc(), table.id.desc()).limit(limit)
            newest += ((row.started_at, row.id) for row in self._connection.execute(query))
            if limit is not None:
                newest = sorted(newest, reverse=True)[:limit]
        return self._records_of(key for _, key in sorted(newest, reverse=True))

    def _rows(self, keys: Sequence[int]) -> Iterable[Any]:
        return self._connection.execute(_records().where(schema.requests.c.id.in_(keys)))

    def count(self, filters: Filters | None = None) -> int:
        """Return how many requests there are."""
        source = self._base.executions(filters).subquery()
        return int(self._connection.execute(sa.select(sa.func.sum(source.c.requests))).scalar() or 0)

    def count_without_test(self, filters: Filters | None = None) -> int:
        """Return how many requests belong to no test."""
        source = self._base.executions(filters).subquery()
        query = sa.select(sa.func.sum(source.c.requests)).where(source.c.test == NO_TEST_ROW)
        return int(self._connection.execute(query).scalar() or 0)

    def page(
        self, filters: Filters, sort: Sort, limit: int, offset: int = 0, *, descending: bool = True
    ) -> list[RequestRecord]:
        """Return the records of one page of requests; ties: newest first."""
        table = schema.requests.c
        # Only their numbers first, because sorting whole records takes longer.
        query = filtered(sa.select(table.id), table, filters).where(table.period.in_(self._periods))
        if filters.test is not None:
            # Requests have no index by tests, but the executions have the traces of a test.
            query = query.where(table.trace.in_(sa.select(self._base.executions(filters).subquery().c.trace)))
        if sort in ("method", "route"):
            query = query.join(schema.routes, schema.routes.c.id == table.route)
        elif sort == "test":
            query = query.join(schema.tests, schema.tests.c.id == table.test)
        columns = [column.desc() if descending else column.asc() for column in _SORTED_BY[sort]]
        query = query.order_by(*columns, table.started_at.desc(), table.id.desc()).limit(limit).offset(offset)
        return self._records_of(self._connection.execute(query).scalars())

    def page_by_trace(
        self, filters: Filters, rank: Mapping[str, int], limit: int, offset: int = 0, *, descending: bool = True
    ) -> list[RequestRecord]:
        """Return a page in the order of ``rank``, a number for each trace's id; others count as 0."""
        source, traces = self._base.executions(filters).subquery().c, schema.traces.c
        # By tests too, because only a trace and a test together have an index in the order of time.
        query = (
            sa.select(source.trace, source.test, traces.digest, sa.func.sum(source.requests).label("requests"))
            .join(schema.traces, traces.id == source.trace)
            .group_by(source.trace, source.test, traces.digest)
        )
        rows = self._connection.execute(query).all()
        keys: list[int] = []
        for row in sorted(rows, key=lambda row: (rank.get(row.digest, 0), row.trace), reverse=descending):
            if len(keys) == limit:
                break
            if offset < row.requests:
                keys += self._newest_with(row.trace, row.test, filters, limit - len(keys), offset)
            offset = max(0, offset - row.requests)
        return self._records_of(keys)

    def _newest_with(self, trace: int, test: int, filters: Filters, limit: int, offset: int = 0) -> Iterable[int]:
        table = schema.requests.c
        query = filtered(sa.select(table.id), table, filters)
        query = query.where(table.trace == trace, table.test == test, table.period.in_(self._periods))
        query = query.order_by(table.started_at.desc(), table.id.desc()).limit(limit).offset(offset)
        return self._connection.execute(query).scalars()

    def first_of_traces(self, moments: Mapping[str, float], filters: Filters) -> list[RequestRecord]:
        """Return the records of the requests with these traces (ids) at these moments, in no order."""
        table = schema.requests.c
        found = []
        for chunk in chunks(sorted(moments)):
            query = filtered(_records(), table, filters).where(
                schema.traces.c.digest.in_(chunk),
                table.started_at.in_([moments[digest] for digest in chunk]),
                table.period.in_(self._periods),
            )
            found += [self._record(row) for row in self._connection.execute(query)]
        return [record for record in found if moments[record.trace] == record.started_at]

    def counts_until(self, moments: Sequence[float]) -> list[int]:
        """Return how many requests began until each of ``moments``, which are ascending."""
        table = schema.requests.c
        # One query, compiled once, because there may be many moments.
        query = sa.select(sa.func.count()).where(
            table.period.in_(self._periods),
            table.started_at > sa.bindparam("after"),
            table.started_at <= sa.bindparam("until"),
        )
        # Not every database supports infinity.
        edges = itertools.pairwise([-sys.float_info.max, *moments])
        return list(
            itertools.accumulate(
                self._connection.execute(query, {"after": after, "until": until}).scalar_one() for after, until in edges
            )
        )

    def _records_of(self, keys: Iterable[int]) -> list[RequestRecord]:
        """Return the records with these numbers, in their order."""
        wanted = list(keys)
        found = {row.id: self._record(row) for chunk in chunks(wanted) for row in self._rows(chunk)}
        return [found[key] for key in wanted if key in found]

    def get(self, request_id: str) -> RequestRecord | None:
        """Return the record of a request, or None if there is none with this id."""
        token, _, digits = request_id.rpartition("-")
        number = whole_number(digits, schema.HIGHEST_NUMBER)
        if number is None:
            return None
        keys = [
            schema.request_key(journal.id, number) for journal in self._base.journals.values() if journal.token == token
        ]
        table = schema.requests.c
        query = _records().where(table.id.in_(keys), table.period.in_(self._periods))
        row = self._connection.execute(query).first()
        return self._record(row) if row is not None else None

    def _record(self, row: Any) -> RequestRecord:
        journal, number = schema.journal_and_number(row.id)
        return RequestRecord(
            id=f"{self._base.journals[journal].token}-{number}",
            trace=row.digest,
            method=row.method,
            path=row.path,
            status=row.status,
            started_at=row.started_at,
            duration_ms=row.duration_us / 1000,
            pid=self._base.journals[journal].pid,
            test=row.test_name or None,
            window=row.window_name,
            route=row.rule or None,
            endpoint=row.endpoint or None,
            under_way=bool(row.under_way),
        )


def _records() -> sa.Select[Any]:
    requests, tests, routes, windows = (t.c for t in (schema.requests, schema.tests, schema.routes, schema.windows))
    return (
        sa.select(
            requests.id, requests.status, requests.started_at, requests.duration_us, requests.path, requests.under_way,
            schema.traces.c.digest, routes.method, routes.rule, routes.endpoint, tests.name.label("test_name"),
            windows.name.label("window_name"),
        )
        .join_from(schema.requests, schema.traces, schema.traces.c.id == requests.trace)
        .join(schema.routes, routes.id == requests.route)
        .join(schema.tests, tests.id == requests.test)
        .outerjoin(schema.windows, windows.id == requests.window)
    )  # fmt: skip


_SORTED_BY: dict[Sort, Sequence[sa.ColumnElement[Any]]] = {
    "time": [schema.requests.c.started_at],
    "method": [schema.routes.c.method],
    "path": [schema.requests.c.path],
    "status": [schema.requests.c.status],
    "ms": [schema.requests.c.duration_us],
    "test": [schema.tests.c.name],
    "route": [schema.routes.c.rule, schema.routes.c.method],
}
