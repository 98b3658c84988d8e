"""The questions that the store answers."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Iterator, Sequence
from itertools import groupby
from typing import Any, Literal

import sqlalchemy as sa

from ...model.filters import Filters
from ...model.records import Executed, Rule, Window
from .. import losses, schema, windows
from .base import NO_TEST, filtered, route_name, test_name
from .lines import Lines

By = Literal["test", "route", "request"]


class Recorded(Lines):
    """What the store holds of some runs, as it was when this object was made: see :class:`.base.Scope`."""

    # Tests and routes

    def executed(self, by: By, filters: Filters | None = None) -> Iterator[Executed]:
        """What each test, route (``GET /user/<id>``) or request executed; tests only of requests that name one."""
        if by == "request":
            yield from self._executed_by_request(filters)
            return
        name = test_name if by == "test" else route_name
        rows = self._grouped(name, filters, tests_only=by == "test")
        for key, group in groupby(rows, key=lambda row: row[0]):
            items = list(group)
            duration = sum(row.duration_us for row in items) / 1000
            yield Executed(key, sum(row.requests for row in items), duration, [row.digest for row in items])

    def _executed_by_request(self, filters: Filters | None) -> Iterator[Executed]:
        table = schema.requests.c
        query = (
            filtered(sa.select(table.id, table.duration_us, schema.traces.c.digest), table, filters)
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
        return self._connection.execute(query.where(source.c.test != NO_TEST) if tests_only else query)

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
        query = sa.select(sa.func.sum(source.c.requests)).where(source.c.test == NO_TEST)
        return int(self._connection.execute(query).scalar() or 0)

    def tests_by_route(self, filters: Filters | None = None) -> dict[str, int]:
        """How many tests each route has, by its name."""
        source = self._executions(filters).subquery()
        query = (
            sa.select(route_name, sa.func.count(sa.distinct(source.c.test)))
            .join_from(source, schema.routes, schema.routes.c.id == source.c.route)
            .where(source.c.test != NO_TEST)
            .group_by(route_name)
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
        return windows.open_window(self._connection, run)

    # Windows

    def last_window(self) -> tuple[Window, int] | None:
        """The window of one run that was opened last, and how many requests began in it; None if none was opened."""
        (run,) = self._runs
        return windows.last_window(self._connection, run, self._periods)

    def last_opened(self) -> int:
        """The number of the window of one run that was opened last; 0 if none was."""
        (run,) = self._runs
        found = windows.last_opened(self._connection, run)
        return found[0].window if found else windows.NO_WINDOW

    def window_marks(self) -> dict[int, Hashable]:
        """For each window in which requests began something that changes when what they left does."""
        return windows.marks(self._connection, self._periods)

    def mark_of_windows(self, but: int = windows.NO_WINDOW) -> Hashable:
        """Something that changes when what the requests left does which began in any window but this one."""
        return windows.mark_of_all(self._connection, self._periods, but)

    def left_in(self, numbers: Sequence[int]) -> dict[int, set[int]]:
        """The traces (numbers) that the requests left which began in each of these windows."""
        return windows.left_in(self._connection, self._periods, numbers)

    def left_before(self, moment: float, known: Collection[int] = ()) -> set[int]:
        """The traces (numbers), without those in ``known``, that requests left which began before ``moment``."""
        return windows.left_before(self._connection, self._periods, moment, known)

    def first_opened(self, numbers: Collection[int]) -> str | None:
        """The name of the one of these windows that was opened first; None if there are none."""
        return windows.first_opened(self._connection, numbers)
