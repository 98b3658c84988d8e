"""Queries on lines, and on the tests, routes and requests that ran them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

import sqlalchemy as sa

from ...model.bitmap import from_numbits
from ...model.filters import Filters
from ...model.records import RequestRecord, Trace
from .. import schema
from ..dialect import chunks
from ..traces import load_traces
from .base import NO_TEST_ROW, QueryBase, route_name, test_name
from .requests import RequestQueries


@dataclass(frozen=True)
class LineHits:
    """The hits of a line: tests and routes with the number of their requests, and the last of these requests.

    ``at_startup`` is whether it ran outside of requests too.
    """

    requests: int
    tests: Sequence[tuple[str, int]]
    routes: Sequence[tuple[str, int]]
    latest: Sequence[RequestRecord]
    at_startup: bool


class LineQueries:
    """The lines that the requests of some runs executed, and the requests by lines."""

    def __init__(self, base: QueryBase, requests: RequestQueries) -> None:
        self._base = base
        self._connection = base.connection
        self._periods = base.periods
        self._requests = requests

    def traces(self, filters: Filters | None = None) -> dict[str, Trace]:
        """Return the traces of all requests, by their ids."""
        source = self._base.executions(filters).subquery()
        numbers = self._connection.execute(sa.select(source.c.trace).distinct()).scalars()
        return self._by_digest(numbers)

    def union(self, digests: Iterable[str]) -> Trace:
        """Return all lines of some traces; those not yet seen in any journal add none."""
        return Trace.union(self.by_ids(digests))

    def _numbers_of(self, digests: Iterable[str]) -> list[int]:
        numbers: list[int] = []
        for chunk in chunks(list(digests)):
            query = sa.select(schema.traces.c.id).where(schema.traces.c.digest.in_(chunk))
            numbers += self._connection.execute(query).scalars()
        return numbers

    def by_ids(self, digests: Iterable[str]) -> list[Trace]:
        """Return the traces with these ids; those not yet seen in any journal are missing."""
        return list(load_traces(self._connection, self._numbers_of(digests)).values())

    def by_numbers(self, numbers: Iterable[int]) -> dict[int, Trace]:
        """Return the traces with these numbers; those not yet seen in any journal are missing."""
        return load_traces(self._connection, numbers)

    def line_counts(self, digests: Iterable[str]) -> dict[str, int]:
        """Return how many lines these traces have; those not yet seen in any journal are missing."""
        table = schema.traces.c
        counts: dict[str, int] = {}
        for chunk in chunks(sorted(digests)):
            query = sa.select(table.digest, table.lines).where(table.digest.in_(chunk), table.lines.is_not(None))
            counts.update((row.digest, row.lines) for row in self._connection.execute(query))
        return counts

    def count_traces(self) -> int:
        """Return how many different traces the requests have."""
        query = sa.select(sa.func.count(sa.distinct(schema.executions.c.trace)))
        return int(self._connection.execute(query.where(schema.executions.c.period.in_(self._periods))).scalar() or 0)

    def ambient(self) -> list[Trace]:
        """Return the traces of lines that ran outside of requests."""
        return list(self._by_digest(self.ambient_traces()).values())

    def _by_digest(self, numbers: Iterable[int]) -> dict[str, Trace]:
        return {trace.id: trace for trace in load_traces(self._connection, numbers).values()}

    def files(self) -> list[str]:
        """Return the paths of all files with recorded lines, in any run, sorted."""
        return sorted(set(self._connection.execute(sa.select(schema.files.c.path)).scalars()))

    # Rows, for running totals

    def first_executions(self) -> dict[int, tuple[str, float]]:
        """Return, by the number of each trace of requests that is stored, its id and the time of its first request."""
        executions, traces = schema.executions.c, schema.traces.c
        query = (
            sa.select(traces.id, traces.digest, sa.func.min(executions.first_at))
            .join_from(schema.executions, schema.traces, traces.id == executions.trace)
            .where(executions.period.in_(self._periods), traces.lines.is_not(None))
            .group_by(traces.id, traces.digest)
        )
        return {number: (digest, first_at) for number, digest, first_at in self._connection.execute(query)}

    def ambient_traces(self) -> set[int]:
        """Return the numbers of the traces of lines that ran outside of requests.

        Late lines count as such until the record of their request is stored. It never is if the process that was to
        write it was killed; :func:`~flask_livecoverage.journal.reader.read_run` counts them in the same way.
        """
        ambient, late = schema.ambient.c, schema.late_updates.c
        query = sa.select(ambient.trace).where(ambient.run.in_(self._base.runs))
        waiting = sa.select(late.trace).where(
            late.run.in_(self._base.runs),
            sa.exists().where(schema.trace_files.c.trace == late.trace),
            ~sa.exists().where(schema.requests.c.id == late.request),
        )
        return {trace for one in (query, waiting) for trace in self._connection.execute(one).scalars()}

    def rows_of_traces(self, traces: Iterable[int]) -> Iterator[tuple[int, int, int]]:
        """Yield trace, file and bitmap of lines of ``traces``: the first two by their numbers."""
        table = schema.trace_files.c
        for chunk in chunks(sorted(traces)):
            query = sa.select(table.trace, table.file, table.lines).where(table.trace.in_(chunk))
            for trace, file, lines in self._connection.execute(query):
                yield trace, file, from_numbits(lines)

    def contents(self) -> dict[int, tuple[str, str]]:
        """Return the path and the hash of the content of each file, by its number, in any run."""
        return {row.id: (row.path, row.content) for row in self._connection.execute(sa.select(schema.files))}

    def heat(self, file: int, filters: Filters | None = None) -> list[tuple[int, int]]:
        """Return the lines that ran in the file with this number: bitmaps, each with the number of its requests."""
        source, table = self._base.executions(filters).subquery(), schema.trace_files.c
        query = sa.select(table.lines, sa.func.sum(source.c.requests)).join_from(
            schema.trace_files, source, source.c.trace == table.trace
        )
        rows = self._connection.execute(query.where(table.file == file).group_by(table.lines))
        return [(from_numbits(lines), int(count)) for lines, count in rows]

    def heat_by_test(self, file: int, filters: Filters | None = None) -> list[tuple[int, int]]:
        """Return the lines that ran in the file with this number: bitmaps, each with the number of a test."""
        source, table = self._base.executions(filters).subquery(), schema.trace_files.c
        query = sa.select(table.lines, source.c.test).join_from(
            schema.trace_files, source, source.c.trace == table.trace
        )
        rows = self._connection.execute(query.where(table.file == file, source.c.test != NO_TEST_ROW).distinct())
        return [(from_numbits(lines), test) for lines, test in rows]

    def ran_by_test(self, files: Collection[int]) -> Iterator[tuple[int, str]]:
        """Yield the lines that ran in any of the files with these numbers: bitmaps, each with the name of a test.

        The name is empty for the requests that belong to no test.
        """
        source, table = self._base.executions().subquery(), schema.trace_files.c
        query = (
            sa.select(table.lines, sa.case((source.c.test == NO_TEST_ROW, ""), else_=test_name))
            .join_from(schema.trace_files, source, source.c.trace == table.trace)
            .join(schema.tests, schema.tests.c.id == source.c.test)
            .where(table.file.in_(files))
        )
        for lines, name in self._connection.execute(query.distinct()):
            yield from_numbits(lines), name

    def ran_outside(self, files: Collection[int]) -> int:
        """Return the lines (a bitmap) that ran outside of requests in any of the files with these numbers."""
        table, found = schema.trace_files.c, 0
        for chunk in chunks(sorted(self.ambient_traces())):
            query = sa.select(table.lines).where(table.trace.in_(chunk), table.file.in_(files))
            found = reduce(or_, map(from_numbits, self._connection.execute(query).scalars()), found)
        return found

    def names_in(self, file: int, limit: int = 500) -> tuple[list[str], list[str]]:
        """Return the names of tests and of routes whose requests ran any line of the file with this number, sorted."""
        source = self._base.executions().subquery()
        ran = sa.select(schema.trace_files.c.trace).where(schema.trace_files.c.file == file)
        tests = (
            sa.select(test_name)
            .join_from(source, schema.tests, schema.tests.c.id == source.c.test)
            .where(source.c.trace.in_(ran), source.c.test != NO_TEST_ROW)
        )
        routes = (
            sa.select(route_name)
            .join_from(source, schema.routes, schema.routes.c.id == source.c.route)
            .where(source.c.trace.in_(ran))
        )
        found = [query.distinct().order_by(sa.literal_column("1")).limit(limit) for query in (tests, routes)]
        first, second = (list(self._connection.execute(query).scalars()) for query in found)
        return first, second

    # The hits of lines

    def ran(self, path: str, lines: Sequence[int], *, limit: int = 10, content: str | None = None) -> LineHits:
        """Return the hits of any of ``lines`` of the file at ``path``, with at most ``limit`` requests.

        ``content`` is the hash of the content of which these are lines; None: any that the file had.
        """
        numbers = self._traces_with(path, lines, content)
        executions = [row for chunk in chunks(numbers) for row in self._executions_of(chunk)]
        return LineHits(
            requests=sum(row.requests for row in executions),
            tests=_summed((row.test_name, row.requests) for row in executions if row.test_name),
            routes=_summed((row.route_name, row.requests) for row in executions),
            latest=self._requests.newest_of(executions, None, limit),
            at_startup=not self.ambient_traces().isdisjoint(numbers),
        )

    def _traces_with(self, path: str, lines: Sequence[int], content: str | None) -> list[int]:
        table = schema.trace_files.c
        query = sa.select(table.trace, table.lines).join(schema.files, schema.files.c.id == table.file)
        if content is not None:
            query = query.where(schema.files.c.content == content)
        rows = self._connection.execute(query.where(schema.files.c.path == path))
        # Not a bitmap, because a user may ask for line number 999,999,999.
        bits = [divmod(line, 8) for line in lines]
        return [
            trace
            for trace, numbits in rows
            if any(octet < len(numbits) and numbits[octet] >> bit & 1 for octet, bit in bits)
        ]

    def _executions_of(self, traces: Sequence[int]) -> Iterable[Any]:
        table = schema.executions.c
        query = (
            sa.select(
                table.trace,
                table.test,
                table.requests,
                table.last_at,
                test_name.label("test_name"),
                route_name.label("route_name"),
            )
            .join_from(schema.executions, schema.tests, schema.tests.c.id == table.test)
            .join(schema.routes, schema.routes.c.id == table.route)
            .where(table.period.in_(self._periods), table.trace.in_(traces))
        )
        return self._connection.execute(query)


def _summed(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for name, number in counts:
        sums[name] = sums.get(name, 0) + number
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))
