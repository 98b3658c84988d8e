"""Inserts a piece of one journal into the store, the step that a synchronisation repeats.

All of it happens in the caller's transaction, which also moves the journal's position: a piece is stored completely
and once, or not at all.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ...journal.format import UNREADABLE, imports_of, objects, pop_kind, rules_of, source_files_of, trace_of
from ...model.bitmap import to_numbits
from ...model.records import NO_TEST_NAME, Trace
from ...model.text import whole_number
from .. import losses, schema
from ..dialect import chunks, insert_missing, insert_or_add, insert_rows, storable
from ..identity import hold_identity
from ..windows import NO_WINDOW, WindowIntervals
from .interning import Interner, Key
from .source_contents import put_sources

Row = dict[str, Any]
# A request's position in the journal, its number, and the fields of its line.
_Request = tuple[int, int, Row]


class RequestRow(NamedTuple):
    """A row of the table of requests."""

    id: int
    period: int
    trace: int
    route: int
    test: int
    window: int
    status: int
    names_test: int
    started_at: float
    duration_us: int
    path: str
    under_way: int = 0


class Caches:
    """The row numbers that a synchronisation has looked up, kept from one piece to the next.

    :ivar versions: the files of the traces that were inserted, each with the hash of its content.
    """

    def __init__(self) -> None:
        self.versions: set[tuple[str, str]] = set()
        self._identity = ""
        self._forget()

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction that uses these numbers: until its end, no other process removes their rows.

        They are dropped if it has done so since the last transaction.
        """
        identity = hold_identity(connection)
        if identity != self._identity:
            self._identity = identity
            self._forget()

    def _forget(self) -> None:
        self.tests = Interner(schema.tests, "name")
        self.routes = Interner(schema.routes, "method", "rule", "endpoint")
        self.files = Interner(schema.files, "path", "content")
        self.traces = Interner(schema.traces, "digest")
        self.periods = Interner(schema.periods, "run", "number")
        self.journals = Interner(schema.journals, "run", "token")


@dataclass
class Piece:
    """Complete lines of a journal, and their run, journal and position.

    ``boundaries`` are the offsets in the journal at which the run's periods end.
    """

    run: int
    journal: int
    token: str
    position: int
    data: bytes
    boundaries: Sequence[int]


@dataclass
class _Lines:
    """The lines of a piece by their kind; requests with their offset in the journal."""

    requests: list[_Request] = field(default_factory=list)
    late: list[Row] = field(default_factory=list)
    traces: dict[str, Trace] = field(default_factory=dict)
    ambient: set[str] = field(default_factory=set)
    rules: list[Sequence[Any]] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    imports: list[tuple[str, str]] = field(default_factory=list)
    # How many records, by the reason.
    lost: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0


def put(
    connection: sa.Connection, piece: Piece, windows_since: Callable[[float], WindowIntervals], caches: Caches
) -> int:
    """Insert ``piece`` into the store; return how many of its lines cannot be read.

    ``windows_since`` returns the windows in which moments from the given one on can lie.
    """
    lines = _sort(piece)
    digests = {line["trace"] for _, _, line in lines.requests} | {line["trace"] for line in lines.late}
    caches.traces.intern(connection, ((digest,) for digest in digests | lines.ambient | lines.traces.keys()))
    _put_traces(connection, piece.run, lines.traces.values(), caches)
    _put_ambient(connection, piece.run, lines.ambient, caches)
    _put_rules(connection, piece.run, lines.rules)
    put_sources(connection, piece.run, lines.sources)
    _put_imports(connection, piece.run, lines.imports)
    if lines.requests:
        windows = windows_since(min(line["started_at"] for _, _, line in lines.requests))
        _Requests(connection, piece, windows, caches).put(lines.requests)
    _put_late_updates(connection, piece, lines.late, caches)
    if lines.lost:
        losses.put(connection, piece.journal, lines.lost)
    return lines.unreadable


def _sort(piece: Piece) -> _Lines:
    lines = _Lines()
    # Surrogates and NUL (JSON escapes them), and bytes that no process writes. Most pieces have none of these.
    suspicious = any(one in piece.data for one in (b"\\ud", b"\\uD", b"\\u0000")) or not piece.data.isascii()
    for position, found in objects(piece.data):
        try:
            kind = pop_kind(found)
            fields = storable(found) if suspicious else found or {}
            _take(lines, kind, fields, piece.token, piece.position + position)
        except UNREADABLE:
            lines.unreadable += 1
    return lines


def _take(lines: _Lines, kind: str, line: Row, token: str, position: int) -> None:
    if kind == "request":
        number = _number(line["id"])
        if line["id"] != f"{token}-{number}":
            raise ValueError("another process's request")
        lines.requests.append((position, number, line))
    elif kind == "amend":
        _number(line["id"])
        lines.late.append(line)
    elif kind == "trace":
        lines.traces[line["id"]] = trace_of(line)
    elif kind == "ambient":
        lines.ambient.add(line["trace"])
    elif kind == "rules":
        lines.rules.extend(rules_of(line))
    elif kind == "imports":
        lines.imports.extend(imports_of(line))
    elif kind == "sources":
        lines.sources.extend(source_files_of(line))
    elif kind == "lost":
        lines.lost[line["reason"]] += line["count"]


def _number(request_id: str) -> int:
    number = whole_number(request_id.rpartition("-")[2], schema.HIGHEST_NUMBER)
    if number is None:
        raise ValueError("not the id of a request")
    return number


def _put_traces(connection: sa.Connection, run: int, traces: Collection[Trace], caches: Caches) -> None:
    if traces:
        rows = [{"run": run, "trace": caches.traces[(trace.id,)]} for trace in traces]
        connection.execute(insert_missing(connection, schema.run_traces), rows)
    for trace in traces:
        number = caches.traces[(trace.id,)]
        count = sum(lines.lines.bit_count() for lines in trace.files.values())
        missing = (schema.traces.c.id == number) & schema.traces.c.lines.is_(None)
        if not connection.execute(sa.update(schema.traces).where(missing).values(lines=count)).rowcount:
            continue
        versions = [(path, lines.content) for path, lines in trace.files.items()]
        caches.files.intern(connection, versions)
        caches.versions.update(versions)
        parts = [
            {
                "trace": number,
                "file": caches.files[path, lines.content],
                "lines": to_numbits(lines.lines),
                "arcs": None if lines.arcs is None else json.dumps(sorted(lines.arcs), separators=(",", ":")),
            }
            for path, lines in trace.files.items()
        ]
        if parts:
            connection.execute(sa.insert(schema.trace_files), parts)


def put_trace(connection: sa.Connection, run: int, trace: Trace, caches: Caches) -> int:
    """Insert one trace of ``run`` into the store, if it is missing; return its number."""
    caches.traces.intern(connection, [(trace.id,)])
    _put_traces(connection, run, [trace], caches)
    return caches.traces[(trace.id,)]


def _put_ambient(connection: sa.Connection, run: int, digests: Iterable[str], caches: Caches) -> None:
    rows = [{"run": run, "trace": caches.traces[(digest,)]} for digest in digests]
    if rows:
        connection.execute(insert_missing(connection, schema.ambient), rows)


def _put_rules(connection: sa.Connection, run: int, rules: Iterable[Sequence[Any]]) -> None:
    for rule, endpoint, methods in rules:
        row = {"run": run, "rule": rule, "endpoint": endpoint, "methods": ",".join(methods)}
        connection.execute(insert_missing(connection, schema.rules), [row])


def _put_imports(connection: sa.Connection, run: int, edges: Iterable[tuple[str, str]]) -> None:
    rows = [{"run": run, "importer": importer, "imported": imported} for importer, imported in sorted(set(edges))]
    for chunk in chunks(rows):
        connection.execute(insert_missing(connection, schema.imports), chunk)


class _Requests:
    """Inserts the requests of a piece into the store."""

    def __init__(self, connection: sa.Connection, piece: Piece, windows: WindowIntervals, caches: Caches) -> None:
        self._connection = connection
        self._piece = piece
        self._windows = windows
        self._caches = caches

    def put(self, requests: list[_Request]) -> None:
        """Insert them, with the windows in which they began."""
        # This may run for a million requests, so all values are looked up once, and rows are plain tuples.
        caches, window_at, period_number = self._caches, self._windows.at, self._period_number
        assigned = [
            (position, number, line, _route(line), *_window(line, window_at)) for position, number, line in requests
        ]
        tests = caches.tests.intern(self._connection, {(line["test"] or name,) for _, _, line, _, _, name in assigned})
        routes = caches.routes.intern(self._connection, {route for _, _, _, route, _, _ in assigned})
        numbers = {(self._piece.run, period_number(position)) for position, _, _ in requests}
        periods = caches.periods.intern(self._connection, numbers)
        traces = caches.traces.intern(self._connection, ())
        first, run = schema.request_key(self._piece.journal, 0), self._piece.run
        rows = [
            RequestRow(
                first + number, periods[run, period_number(position)], traces[(line["trace"],)], routes[route],
                tests[(line["test"] or window_name,)], window, line["status"], 0 if line["test"] is None else 1,
                line["started_at"], round(1000 * line["duration_ms"]), line["path"],
            )
            for position, number, line, route, window, window_name in assigned
        ]  # fmt: skip
        self._insert({row[0]: row for row in rows})

    def _period_number(self, position: int) -> int:
        return bisect_right(self._piece.boundaries, position)

    def _insert(self, rows: dict[int, RequestRow]) -> None:
        if rows:
            try:
                with self._connection.begin_nested():
                    insert_rows(self._connection, schema.requests, list(rows.values()))
            except IntegrityError:
                # A journal holds no request twice, unless lines were copied within it.
                self._drop_stored(rows)
                if rows:
                    insert_rows(self._connection, schema.requests, list(rows.values()))
            count(self._connection, rows.values())

    def _drop_stored(self, rows: dict[int, RequestRow]) -> None:
        for chunk in chunks(list(rows)):
            stored = sa.select(schema.requests.c.id).where(schema.requests.c.id.in_(chunk))
            for key in self._connection.execute(stored).scalars():
                del rows[key]


def _window(line: Row, window_at: Callable[[float], tuple[int, str]]) -> tuple[int, str]:
    return (NO_WINDOW, "") if line["test"] == NO_TEST_NAME else window_at(line["started_at"])


def _route(line: Row) -> Key:
    return line["method"], line["route"] or "", line["endpoint"] or ""


def count(connection: sa.Connection, added: Iterable[RequestRow], removed: Iterable[RequestRow] = ()) -> None:
    """Update the executions for requests that were added or removed; a changed request is both."""
    sums: dict[tuple[int, ...], list[float]] = {}
    for sign, rows in ((1, added), (-1, removed)):
        for row in rows:
            key = row.period, row.trace, row.test, row.route, row.window, row.status
            entry = sums.setdefault(key, [0, 0, row.started_at, row.started_at])
            entry[0] += sign
            entry[1] += sign * row.duration_us
            entry[2] = min(entry[2], row.started_at)
            entry[3] = max(entry[3], row.started_at)
    names = [column.name for column in schema.executions.c]
    parameters = [dict(zip(names, (*key, *entry), strict=True)) for key, entry in sums.items()]
    if parameters:
        add = insert_or_add(
            connection, schema.executions, add=("requests", "duration_us"), least="first_at", greatest="last_at"
        )
        connection.execute(add, parameters)
    if removed:
        connection.execute(sa.delete(schema.executions).where(schema.executions.c.requests == 0))


def change(connection: sa.Connection, before: Collection[RequestRow], after: Collection[RequestRow]) -> None:
    """Replace the requests ``before`` by those in ``after``, which have the same ids."""
    names = ("trace", "test", "window", "status", "duration_us", "under_way")
    values: Row = {name: sa.bindparam(f"new_{name}") for name in names}
    changed = sa.update(schema.requests).where(schema.requests.c.id == sa.bindparam("key")).values(values)
    connection.execute(
        changed, [{"key": row.id, **{f"new_{name}": getattr(row, name) for name in names}} for row in after]
    )
    count(connection, after, before)


def _put_late_updates(connection: sa.Connection, piece: Piece, lines: Iterable[Row], caches: Caches) -> None:
    rows = []
    for line in lines:
        token = line["id"].rpartition("-")[0]
        duration = line.get("duration_ms")
        rows.append(
            {
                "run": piece.run,
                "request": schema.request_key(_journal(connection, piece, token, caches), _number(line["id"])),
                "trace": caches.traces[(line["trace"],)],
                "status": line.get("status"),
                "duration_us": None if duration is None else round(1000 * duration),
                "ended": line.get("ended"),
            }
        )
    if rows:
        connection.execute(sa.insert(schema.late_updates), rows)


def _journal(connection: sa.Connection, piece: Piece, token: str, caches: Caches) -> int:
    """Return the number of the run's journal with ``token``, perhaps not stored yet.

    A forked child writes late lines of its parent's requests.
    """
    if token == piece.token:
        return piece.journal
    caches.journals.intern(connection, [(piece.run, token)])
    return caches.journals[piece.run, token]
