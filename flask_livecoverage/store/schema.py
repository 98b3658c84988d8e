"""The tables of the store.

Repeated values (tests, routes, files, traces) are stored once and referred to by number, so that a request takes little
more space than its path. Ids of requests are numbers too: that of their journal, then their own (:func:`request_key`).
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

# Incremented with every change of the tables. An older store in the data directory is moved aside and rebuilt; a newer
# one, or one that LIVECOVERAGE_STORE names, is refused.
VERSION = 7

metadata = sa.MetaData()

# SQLite numbers rows by itself only if the type of the key is INTEGER.
_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _table(name: str, *items: sa.schema.SchemaItem, **options: Any) -> sa.Table:
    # With a prefix, because LIVECOVERAGE_STORE may name a database that holds other tables.
    return sa.Table(f"livecov_{name}", metadata, *items, **options)


def _numbered(name: str, *columns: sa.Column[str]) -> sa.Table:
    """A table that gives each combination of ``columns`` a number."""
    unique = sa.UniqueConstraint(*(column.name for column in columns))
    return _table(name, sa.Column("id", _Key, primary_key=True), *columns, unique)


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False)


def _number(name: str, default: int | None = None, *, primary_key: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=False, default=default, primary_key=primary_key)


meta = _table("meta", sa.Column("key", sa.Text, primary_key=True), _text("value"))

# ``name`` is unique among the data directories that use the store (``run_keys``).
runs = _numbered("runs", _text("name"))
# The periods between the resets of a run; the first is number 0.
periods = _table(
    "periods", sa.Column("id", _Key, primary_key=True), _number("run"), _number("number"),
    sa.UniqueConstraint("run", "number"),
)  # fmt: skip
# ``position`` is the byte up to which a journal is in the store, ``size`` that of the file when it was last read to the
# end, ``unreadable`` counts the lines that were skipped.
journals = _table(
    "journals", sa.Column("id", _Key, primary_key=True), _number("run"), _text("token"), _number("position", 0),
    _number("size", 0),
    _number("unreadable", 0), _number("pid", 0), sa.Column("started_at", sa.Double), sa.Column("root", sa.Text),
    sa.UniqueConstraint("run", "token"),
)  # fmt: skip

# An empty text stands for none, here and below. In a unique constraint, two NULLs count as different.
tests = _numbered("tests", _text("name"))
routes = _numbered("routes", _text("method"), _text("rule"), _text("endpoint"))
files = _numbered("files", _text("path"), _text("content"))

# ``lines`` counts them; it is NULL for a trace that requests refer to, but that was not yet seen in any journal.
traces = _table(
    "traces", sa.Column("id", _Key, primary_key=True), _text("digest"), sa.Column("lines", sa.BigInteger),
    sa.UniqueConstraint("digest"),
)  # fmt: skip
# ``lines`` is a bitmap in coverage.py's numbits format, ``arcs`` a JSON list of pairs or NULL.
trace_files = _table(
    "trace_files", _number("trace", primary_key=True), _number("file", primary_key=True),
    sa.Column("lines", sa.LargeBinary, nullable=False), sa.Column("arcs", sa.Text),
    sa.Index("livecov_trace_files_file", "file"), sqlite_with_rowid=False,
)  # fmt: skip

# The traces that the journals of a run hold, whether a request refers to them (yet) or not, and the unions of these
# with late lines. A journal holds each trace once, so a trace stays as long as a run has it.
run_traces = _table(
    "run_traces", _number("run", primary_key=True), _number("trace", primary_key=True),
    sa.Index("livecov_run_traces_trace", "trace"), sqlite_with_rowid=False,
)  # fmt: skip

requests = _table(
    "requests",
    sa.Column("id", _Key, primary_key=True, autoincrement=False),
    *map(_number, ("period", "trace", "route", "test", "window", "status")),
    # 1 if the request names its test, or is marked as belonging to none; 0 if the window decides.
    sa.Column("names_test", sa.SmallInteger, nullable=False),
    sa.Column("started_at", sa.Double, nullable=False),
    _number("duration_us"),
    _text("path"),
    # 1 if the response had not ended by the last line about it.
    sa.Column("under_way", sa.SmallInteger, nullable=False),
    sa.Index("livecov_requests_period", "period", "started_at"),
    # For the requests of a trace and for those of a test, whose traces are in the executions. An index of tests alone
    # would cost a sixth of the time for the insertion of requests.
    sa.Index("livecov_requests_trace", "trace", "test", "started_at"),
)  # fmt: skip

# The number of requests for each combination of period, trace, test, route, window and status. All questions that are
# not about single requests are answered from this table. Its size depends on the number of different traces, tests,
# routes …, not on the number of requests.
executions = _table(
    "executions",
    *(_number(name, primary_key=True) for name in ("period", "trace", "test", "route", "window", "status")),
    *map(_number, ("requests", "duration_us")),
    sa.Column("first_at", sa.Double, nullable=False),
    sa.Column("last_at", sa.Double, nullable=False),
    sa.Index("livecov_executions_trace", "trace"),
    sa.Index("livecov_executions_test", "test"),
    sqlite_with_rowid=False,
)

# Late lines of requests, until the request's record and the trace are in the store. Queries count those without a
# record as lines outside of requests.
late_updates = _table(
    "amends", sa.Column("id", _Key, primary_key=True), _number("run"), _number("request"), _number("trace"),
    sa.Column("status", sa.BigInteger), sa.Column("duration_us", sa.BigInteger), sa.Column("ended", sa.SmallInteger),
)  # fmt: skip
# The events that open windows, and those that close them, with an empty name.
windows = _table(
    "windows", sa.Column("id", _Key, primary_key=True), _number("run"), _number("journal"), _number("position"),
    sa.Column("at", sa.Double, nullable=False), _text("name"), sa.UniqueConstraint("journal", "position"),
)  # fmt: skip
ambient = _table(
    "ambient", _number("run", primary_key=True), _number("trace", primary_key=True), sqlite_with_rowid=False
)
rules = _table(
    "rules", _number("run", primary_key=True),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("rule", "endpoint", "methods")), sqlite_with_rowid=False,
)  # fmt: skip

# The last outcome of each test, and the period in which it was reported. ``files`` is a JSON list of paths.
outcomes = _table(
    "outcomes", _number("run", primary_key=True), sa.Column("test", sa.Text, primary_key=True), _text("outcome"),
    sa.Column("duration_us", sa.BigInteger), sa.Column("at", sa.Double, nullable=False), _number("period"),
    _text("files"), sqlite_with_rowid=False,
)  # fmt: skip
# The file of a run's outcomes; the columns are those of a journal.
outcome_files = _table(
    "outcome_files", sa.Column("run", _Key, primary_key=True, autoincrement=False), _number("position", 0),
    _number("size", 0), _number("unreadable", 0),
)  # fmt: skip

# The statements that coverage.py counts in a source file, by the hash of its content; ``rules`` is a hash of the
# configuration and of the versions in use. Bitmaps as above; ``multiline`` is a JSON list of statements, each its first
# line and the bitmap of all its lines in hexadecimal. ``error`` is the reason why nothing can be counted, or empty.
statements = _table(
    "statements", *(sa.Column(name, sa.Text, primary_key=True) for name in ("content", "rules")),
    *(sa.Column(name, sa.LargeBinary, nullable=False) for name in ("statements", "excluded")),
    *map(_text, ("multiline", "error")),
)  # fmt: skip

# The contents of source files, compressed (zlib), by their hashes. They cannot be rebuilt from the journals once a file
# has changed, so they are saved from a store that is rebuilt.
contents = _table(
    "contents", sa.Column("hash", sa.Text, primary_key=True), sa.Column("data", sa.LargeBinary, nullable=False)
)
# The hashes of the contents that a run's files had. Contents are stored before the requests, so traces do not show it.
run_contents = _table(
    "run_contents", _number("run", primary_key=True), sa.Column("content", sa.Text, primary_key=True),
    sqlite_with_rowid=False,
)  # fmt: skip
# The files that the configuration selected in a run, executed or not. ``content`` is the hash of the file's content
# then, or empty if the file was changed before it could be read.
sources = _table(
    "sources", _number("run", primary_key=True), sa.Column("path", sa.Text, primary_key=True), _text("content"),
    sqlite_with_rowid=False,
)  # fmt: skip

# Pairs of files of a run: one that imports, and one that it imports.
imports = _table(
    "imports", _number("run", primary_key=True),
    *(sa.Column(name, sa.Text, primary_key=True) for name in ("importer", "imported")), sqlite_with_rowid=False,
)  # fmt: skip

_NUMBER_BITS = 32
# Of a request, in its journal.
HIGHEST_NUMBER = (1 << _NUMBER_BITS) - 1


def request_key(journal: int, number: int) -> int:
    """Return the id of a journal's request, made of both numbers: then the primary key is the only index needed."""
    return journal << _NUMBER_BITS | number


def journal_and_number(key: int) -> tuple[int, int]:
    """Return the journal's id, and the number of the request in it."""
    return key >> _NUMBER_BITS, key & HIGHEST_NUMBER
