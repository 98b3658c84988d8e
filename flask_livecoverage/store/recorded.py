"""The questions that the store answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, Literal, TypeVar

import sqlalchemy as sa

from ..filters import Filters
from ..model import NO_ROUTE, Executed, RequestRecord, Rule, Trace
from . import losses, schema
from .names import CHUNK
from .traces import load_traces
from .windows import executed_in_windows, open_window, traces_before_last_window

T = TypeVar("T")

By = Literal["test", "route", "request"]

_NO_TEST = 1


@dataclass(frozen=True)
class Ran:
    """Who ran a line: tests and routes with the number of their requests, and the last of these requests.

    ``at_startup`` is whether it ran outside of requests too.
    """

    requests: int
    tests: Sequence[tuple[str, int]]
    routes: Sequence[tuple[str, int]]
    latest: Sequence[RequestRecord]
    at_startup: bool


class Recorded:
    """What the store holds of some runs, as it was when this object was made.

    :param runs: their numbers in the store.
    :param period: the one period of theirs that counts; all if None.
    """

    def __init__(self, connection: sa.Connection, runs: Sequence[int], period: int | None = None) -> None:
        self._connection = connection
        self._runs = list(runs)
        periods = sa.select(schema.periods.c.id).where(schema.periods.c.run.in_(self._runs))
        if period is not None:
            periods = periods.where(schema.periods.c.number == period)
        self._periods = list(connection.execute(periods).scalars())

    @cached_property
    def _journals(self) -> dict[int, Any]:
        rows = self._connection.execute(sa.select(schema.journals).where(schema.journals.c.run.in_(self._runs)))
        return {row.id: row for row in rows}

    @property
    def root(self) -> str:
        """The folder in which the server ran; paths are shown relative to it. Empty if nothing was recorded."""
        first = min(
            (journal for journal in self._journals.values() if journal.root),
            key=lambda row: row.started_at,
            default=None,
        )
        return first.root if first else ""

    # Single requests

    def requests(self, filters: Filters | None = None, limit: int | None = None) -> list[RequestRecord]:
        """The records of requests, newest first."""
        if filters is not None and filters.test is not None:
            return self._newest(self._left(filters), filters, limit)
        table = schema.requests.c
        query = _filtered(_records(), table, filters).where(table.period.in_(self._periods))
        query = query.order_by(table.started_at.desc(), table.id.desc()).limit(limit)
        return [self._record(row) for row in self._connection.execute(query)]

    def _left(self, filters: Filters) -> Sequence[Any]:
        """Which traces requests that ``filters`` let pass have left in which test, and when last."""
        source = self._executions(filters).subquery()
        newest = sa.func.max(source.c.last_at).label("last_at")
        query = sa.select(source.c.trace, source.c.test, newest).group_by(source.c.trace, source.c.test)
        return self._connection.execute(query).all()

    def _newest(self, left: Iterable[Any], filters: Filters | None, limit: int | None) -> list[RequestRecord]:
        """The newest requests, at most ``limit``, that have left one of some traces in its test.

        ``left`` says trace and test, and when it was left last: what is too old to be among the newest is not looked
        up.
        """
        last = {(row.trace, row.test): row.last_at for row in sorted(left, key=lambda row: row.last_at)}
        newest: list[tuple[float, int]] = []
        table = schema.requests.c
        for (trace, test), at in sorted(last.items(), key=lambda item: -item[1]):
            if len(newest) == limit and at < newest[-1][0]:
                break  # and so are all that follow
            query = _filtered(sa.select(table.started_at, table.id), table, filters)
            query = query.where(table.trace == trace, table.test == test, table.period.in_(self._periods))
            query = query.order_by(table.started_at.desc(), table.id.desc()).limit(limit)
            newest += ((row.started_at, row.id) for row in self._connection.execute(query))
            if limit is not None:
                newest = sorted(newest, reverse=True)[:limit]
        chunks = _chunks([key for _, key in newest])
        rows = [row for chunk in chunks for row in self._connection.execute(_records().where(table.id.in_(chunk)))]
        return [self._record(row) for row in sorted(rows, key=lambda row: (-row.started_at, -row.id))]

    def request(self, request_id: str) -> RequestRecord | None:
        """The record of a request, or None if there is none with this id."""
        token, _, number = request_id.rpartition("-")
        if not (number.isdecimal() and number.isascii() and len(number) <= 10):
            return None
        keys = [
            schema.request_key(journal.id, int(number)) for journal in self._journals.values() if journal.token == token
        ]
        table = schema.requests.c
        query = _records().where(table.id.in_(keys), table.period.in_(self._periods))
        row = self._connection.execute(query).first()
        return self._record(row) if row is not None else None

    def _record(self, row: Any) -> RequestRecord:
        journal, number = schema.journal_and_number(row.id)
        return RequestRecord(
            id=f"{self._journals[journal].token}-{number}",
            trace=row.digest,
            method=row.method,
            path=row.path,
            status=row.status,
            started_at=row.started_at,
            duration_ms=row.duration_us / 1000,
            pid=self._journals[journal].pid,
            test=row.test_name or None,
            window=row.window_name,
            route=row.rule or None,
            endpoint=row.endpoint or None,
        )

    # Tests and routes

    def executed(self, by: By, filters: Filters | None = None) -> Iterator[Executed]:
        """What each test, route (``GET /user/<id>``) or request executed; tests only of requests that name one."""
        if by == "request":
            yield from self._executed_by_request(filters)
            return
        name = _test_name if by == "test" else _route_name
        rows = self._grouped(name, filters, tests_only=by == "test")
        for key, group in groupby(rows, key=lambda row: row[0]):
            items = list(group)
            duration = sum(row.duration_us for row in items) / 1000
            yield Executed(key, sum(row.requests for row in items), duration, [row.digest for row in items])

    def _executed_by_request(self, filters: Filters | None) -> Iterator[Executed]:
        table = schema.requests.c
        query = (
            _filtered(sa.select(table.id, table.duration_us, schema.traces.c.digest), table, filters)
            .join(schema.traces, schema.traces.c.id == table.trace)
            .where(table.period.in_(self._periods))
            .order_by(table.id)
            .execution_options(yield_per=10_000)
        )
        tokens = {journal.id: journal.token for journal in self._journals.values()}
        for key, duration, digest in self._connection.execute(query):
            journal, number = schema.journal_and_number(key)
            yield Executed(f"{tokens[journal]}-{number}", 1, duration / 1000, (digest,))

    def _grouped(self, name: sa.ColumnElement[str], filters: Filters | None, *, tests_only: bool) -> Iterable[Any]:
        source = self._executions(filters).subquery()
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
        return self._connection.execute(query.where(source.c.test != _NO_TEST) if tests_only else query)

    def _executions(self, filters: Filters | None = None) -> sa.Select[Any]:
        """Rows of the executions that ``filters`` let pass."""
        if filters is None or filters.since is None:
            table = schema.executions.c
            columns: list[Any] = [table.requests, table.duration_us, table.last_at]
        else:
            # The executions do not know when each request was: these are made as the others were.
            table = schema.requests.c
            durations, newest = sa.func.sum(table.duration_us), sa.func.max(table.started_at)
            columns = [sa.func.count().label("requests"), durations.label("duration_us"), newest.label("last_at")]
        keys = [table.test, table.route, table.trace]
        query = _filtered(sa.select(*keys, *columns), table, filters).where(table.period.in_(self._periods))
        return query if table is schema.executions.c else query.group_by(*keys)

    def count(self, filters: Filters | None = None) -> int:
        """How many requests there are."""
        source = self._executions(filters).subquery()
        return int(self._connection.execute(sa.select(sa.func.sum(source.c.requests))).scalar() or 0)

    def count_traces(self) -> int:
        """How many different traces the requests have left."""
        query = sa.select(sa.func.count(sa.distinct(schema.executions.c.trace)))
        return int(self._connection.execute(query.where(schema.executions.c.period.in_(self._periods))).scalar() or 0)

    def count_without_test(self, filters: Filters | None = None) -> int:
        """How many requests belong to no test."""
        source = self._executions(filters).subquery()
        query = sa.select(sa.func.sum(source.c.requests)).where(source.c.test == _NO_TEST)
        return int(self._connection.execute(query).scalar() or 0)

    def tests_by_route(self, filters: Filters | None = None) -> dict[str, int]:
        """How many tests each route has, by its name."""
        source = self._executions(filters).subquery()
        query = (
            sa.select(_route_name, sa.func.count(sa.distinct(source.c.test)))
            .join_from(source, schema.routes, schema.routes.c.id == source.c.route)
            .where(source.c.test != _NO_TEST)
            .group_by(_route_name)
        )
        return {row[0]: row[1] for row in self._connection.execute(query)}

    def rules(self) -> list[Rule]:
        """The URL rules of the application, sorted; empty if no process has told them."""
        table = schema.rules.c
        query = sa.select(table.rule, table.endpoint, table.methods).where(table.run.in_(self._runs))
        methods: dict[tuple[str, str], set[str]] = {}
        for rule, endpoint, names in self._connection.execute(query):
            methods.setdefault((rule, endpoint), set()).update(filter(None, names.split(",")))
        return [Rule(rule, endpoint, sorted(names)) for (rule, endpoint), names in sorted(methods.items())]

    # The state of one run

    def processes(self) -> int:
        """How many processes have taken part."""
        return sum(journal.root is not None for journal in self._journals.values())

    def lost(self) -> int:
        """How many records could not be written, as far as journals tell."""
        return losses.of_journals(self._connection, self._journals).total()

    def open_window(self) -> str | None:
        """The name of the window that is open; None if none is."""
        (run,) = self._runs
        return open_window(self._connection, run)

    # Windows

    def windows(self) -> list[Executed]:
        """What the requests that began in each window of one run executed, in the order in which they opened."""
        (run,) = self._runs
        return executed_in_windows(self._connection, run, self._periods)

    def traces_before_last_window(self) -> list[str]:
        """The ids of the traces that requests left which began before the last window opened."""
        (run,) = self._runs
        return traces_before_last_window(self._connection, run, self._periods)

    # Lines

    def traces(self, filters: Filters | None = None) -> dict[str, Trace]:
        """The traces of all requests, by their ids."""
        source = self._executions(filters).subquery()
        numbers = self._connection.execute(sa.select(source.c.trace).distinct()).scalars()
        return self._by_digest(numbers)

    def union(self, digests: Iterable[str]) -> Trace:
        """All lines of some traces; those that no journal has told add none."""
        numbers: list[int] = []
        for chunk in _chunks(list(digests)):
            query = sa.select(schema.traces.c.id).where(schema.traces.c.digest.in_(chunk))
            numbers += self._connection.execute(query).scalars()
        return Trace.union(load_traces(self._connection, numbers).values())

    def line_counts(self, digests: Iterable[str]) -> dict[str, int]:
        """How many lines these traces have; those that no journal has told are missing."""
        table = schema.traces.c
        counts: dict[str, int] = {}
        for chunk in _chunks(sorted(digests)):
            query = sa.select(table.digest, table.lines).where(table.digest.in_(chunk), table.lines.is_not(None))
            counts.update((row.digest, row.lines) for row in self._connection.execute(query))
        return counts

    def ambient(self) -> list[Trace]:
        """The traces of what ran outside of requests."""
        table = schema.ambient.c
        numbers = self._connection.execute(sa.select(table.trace).where(table.run.in_(self._runs))).scalars()
        return list(self._by_digest(numbers).values())

    def _by_digest(self, numbers: Iterable[int]) -> dict[str, Trace]:
        return {trace.id: trace for trace in load_traces(self._connection, numbers).values()}

    def files(self) -> list[str]:
        """The paths of all files of which lines were recorded, in any run, sorted."""
        return sorted(set(self._connection.execute(sa.select(schema.files.c.path)).scalars()))

    def ran(self, path: str, line: int, *, limit: int = 10) -> Ran:
        """Who ran line number ``line`` of the file at ``path``, whatever its content was; ``limit`` of the requests."""
        numbers = self._traces_with(path, line)
        executions = [row for chunk in _chunks(numbers) for row in self._executions_of(chunk)]
        table = schema.ambient.c
        startup = set(self._connection.execute(sa.select(table.trace).where(table.run.in_(self._runs))).scalars())
        return Ran(
            requests=sum(row.requests for row in executions),
            tests=_summed((row.test_name, row.requests) for row in executions if row.test_name),
            routes=_summed((row.route_name, row.requests) for row in executions),
            latest=self._newest(executions, None, limit),
            at_startup=not startup.isdisjoint(numbers),
        )

    def _traces_with(self, path: str, line: int) -> list[int]:
        table = schema.trace_files.c
        query = sa.select(table.trace, table.lines).join(schema.files, schema.files.c.id == table.file)
        octet, bit = divmod(line, 8)
        return [
            trace
            for trace, lines in self._connection.execute(query.where(schema.files.c.path == path))
            if octet < len(lines) and lines[octet] >> bit & 1
        ]

    def _executions_of(self, traces: Sequence[int]) -> Iterable[Any]:
        table = schema.executions.c
        query = (
            sa.select(
                table.trace,
                table.test,
                table.requests,
                table.last_at,
                _test_name.label("test_name"),
                _route_name.label("route_name"),
            )
            .join_from(schema.executions, schema.tests, schema.tests.c.id == table.test)
            .join(schema.routes, schema.routes.c.id == table.route)
            .where(table.period.in_(self._periods), table.trace.in_(traces))
        )
        return self._connection.execute(query)


_test_name: sa.ColumnElement[str] = schema.tests.c.name
_route_name: sa.ColumnElement[str] = (
    schema.routes.c.method + " " + sa.case((schema.routes.c.rule == "", NO_ROUTE), else_=schema.routes.c.rule)
)


def _records() -> sa.Select[Any]:
    requests, tests, routes, windows = (t.c for t in (schema.requests, schema.tests, schema.routes, schema.windows))
    return (
        sa.select(
            requests.id, requests.status, requests.started_at, requests.duration_us, requests.path,
            schema.traces.c.digest, routes.method, routes.rule, routes.endpoint, tests.name.label("test_name"),
            windows.name.label("window_name"),
        )
        .join_from(schema.requests, schema.traces, schema.traces.c.id == requests.trace)
        .join(schema.routes, routes.id == requests.route)
        .join(schema.tests, tests.id == requests.test)
        .outerjoin(schema.windows, windows.id == requests.window)
    )  # fmt: skip


def _filtered(query: sa.Select[Any], table: Any, filters: Filters | None) -> sa.Select[Any]:
    """``query`` with conditions on the columns of ``table``, requests or executions."""
    if filters is None:
        return query
    if filters.test is not None:
        tests = schema.tests.c
        wanted = sa.select(tests.id).where(tests.name == filters.test).scalar_subquery()
        query = query.where(table.test == wanted, table.test != _NO_TEST)
    if filters.route is not None:
        routes = schema.routes.c
        named = sa.or_(routes.rule == filters.route, _route_name == filters.route)
        query = query.where(table.route.in_(sa.select(routes.id).where(named)))
    if filters.status is not None:
        query = query.where(table.status.between(*filters.status))
    if filters.since is not None:
        query = query.where(table.started_at >= filters.since)
    return query


def _chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _summed(counts: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    sums: dict[str, int] = {}
    for name, number in counts:
        sums[name] = sums.get(name, 0) + number
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))
