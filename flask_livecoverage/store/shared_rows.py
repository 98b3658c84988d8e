"""Finds the rows that a run shares with other runs, and removes those that no run uses any more."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import sqlalchemy as sa

from .dialect import chunks
from .queries.base import NO_TEST_ROW
from .schema import (
    ambient,
    contents,
    executions,
    files,
    late_updates,
    periods,
    routes,
    run_contents,
    run_traces,
    sources,
    statements,
    tests,
    trace_files,
    traces,
    windows,
)  # fmt: skip

T = TypeVar("T", int, str)


@dataclass(frozen=True)
class SharedRows:
    """The numbers of traces, tests and routes, and the hashes of contents."""

    traces: set[int]
    tests: set[int]
    routes: set[int]
    contents: set[str]


def shared_rows_of(connection: sa.Connection, run: int) -> SharedRows:
    """Return the shared rows that ``run`` uses, except files, which are those of its traces."""

    def values(*queries: sa.Select[Any]) -> set[Any]:
        return {value for query in queries for value in connection.execute(query.distinct()).scalars()}

    in_run = executions.c.period.in_(sa.select(periods.c.id).where(periods.c.run == run))
    of_traces = (run_traces, ambient, late_updates)
    # A request that was assigned to a window when another one was read may have left the first one's test behind.
    names = sa.select(windows.c.name).where(windows.c.run == run)
    return SharedRows(
        values(
            sa.select(executions.c.trace).where(in_run),
            *(sa.select(table.c.trace).where(table.c.run == run) for table in of_traces),
        ),
        values(sa.select(executions.c.test).where(in_run), sa.select(tests.c.id).where(tests.c.name.in_(names))),
        values(sa.select(executions.c.route).where(in_run)),
        values(*(sa.select(table.c.content).where(table.c.run == run) for table in (sources, run_contents))),
    )


def remove_unused(connection: sa.Connection, rows: SharedRows) -> None:
    """Remove those of ``rows`` that no run uses any more, and the files of the removed traces."""
    columns = executions.c.trace, ambient.c.trace, late_updates.c.trace, run_traces.c.trace
    removed_files = _remove_traces(connection, _unused(connection, rows.traces, *columns))
    hashes = rows.contents | _remove_files(connection, _unused(connection, removed_files, trace_files.c.file))
    _delete(connection, tests.c.id, _unused(connection, rows.tests - {NO_TEST_ROW}, executions.c.test))
    _delete(connection, routes.c.id, _unused(connection, rows.routes, executions.c.route))
    unused = _unused(connection, hashes - {""}, files.c.content, sources.c.content, run_contents.c.content)
    _delete(connection, contents.c.hash, unused)
    _delete(connection, statements.c.content, unused)


def _remove_traces(connection: sa.Connection, numbers: Collection[int]) -> set[int]:
    """Remove traces; return the numbers of their files."""
    found = _look_up(connection, trace_files.c.file, trace_files.c.trace, numbers)
    _delete(connection, trace_files.c.trace, numbers)
    _delete(connection, traces.c.id, numbers)
    return found


def _remove_files(connection: sa.Connection, numbers: Collection[int]) -> set[str]:
    """Remove files; return the hashes of their contents."""
    found = _look_up(connection, files.c.content, files.c.id, numbers)
    _delete(connection, files.c.id, numbers)
    return found


def _unused(connection: sa.Connection, values: Collection[T], *columns: sa.Column[T]) -> set[T]:
    """Return those of ``values`` that are in none of the ``columns``."""
    left = set(values)
    for column in columns:
        left -= _look_up(connection, column, column, left)
    return left


def _look_up(connection: sa.Connection, wanted: sa.Column[T], column: sa.Column[Any], values: Iterable[Any]) -> set[T]:
    found: set[T] = set()
    for chunk in chunks(sorted(values)):
        found.update(connection.execute(sa.select(wanted).where(column.in_(chunk)).distinct()).scalars())
    return found


def _delete(connection: sa.Connection, column: sa.Column[Any], values: Iterable[Any]) -> None:
    for chunk in chunks(sorted(values)):
        connection.execute(sa.delete(column.table).where(column.in_(chunk)))
