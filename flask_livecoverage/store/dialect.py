"""The differences between databases: all code that is special to SQLite or PostgreSQL."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from ..errors import ConfigurationError, DataError

_CANNOT_WRITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}

# How long to wait for a locked store into which no process writes.
BUSY_SECONDS = 10
# Databases limit the parameters of a statement; SQLite's oldest limit is 999.
_CHUNK = 300
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}

T = TypeVar("T")


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """Yield ``values`` in chunks that a statement can take as parameters."""
    for start in range(0, len(values), _CHUNK):
        yield values[start : start + _CHUNK]


def storable(value: Any) -> Any:
    """Return ``value``, from JSON, with the characters escaped that a database cannot hold.

    These are halves of surrogate pairs, as in names of files that are not UTF-8, and NUL, which PostgreSQL refuses.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
    if isinstance(value, list):
        return [storable(item) for item in value]
    if isinstance(value, dict):
        return {storable(key): storable(item) for key, item in value.items()}
    return value


def make_engine(url: str, connect_to_sqlite: Callable[..., sqlite3.Connection]) -> sa.Engine:
    """Return an engine for the database at ``url``. Raises ConfigurationError for a URL that cannot be used.

    ``connect_to_sqlite`` is a listener to SQLAlchemy's ``do_connect``.
    """
    try:
        # A server may have closed a connection that was kept.
        engine = sa.create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE is invalid ({shown_url(url)}): use an SQLAlchemy URL, such as "
            "sqlite:////tmp/livecov.sqlite3"
        ) from None
    except ImportError as error:
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE needs a driver that is not installed ({shown_url(url)}, {error}): install it with pip"
        ) from None
    if engine.dialect.name not in _INSERTS:
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE is not supported ({shown_url(url)}): use a URL of {' or '.join(_INSERTS)}"
        )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "do_connect", connect_to_sqlite)
        sa.event.listen(engine, "begin", _begin_in_sqlite)
    return engine


def shown_url(url: str) -> str:
    """Return ``url`` without its password."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "value hidden"


def set_up_sqlite(connection: sqlite3.Connection) -> None:
    """Set up a new connection. Afterwards, all files that SQLite uses for the database are open."""
    # The driver begins transactions too late, after the first SELECT: `_begin_in_sqlite` begins them.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _use_wal(connection)
    # In bytes, for a new file. Every index gets a row for each request.
    connection.execute("PRAGMA page_size = 8192")
    # In KiB. A million requests are inserted into distant pages of the indexes, which the default of 2 MiB cannot hold.
    connection.execute("PRAGMA cache_size = -65536")
    # In pages. A page with many new rows is then written to the file once, not for every thousandth of them.
    connection.execute("PRAGMA wal_autocheckpoint = 8192")
    # After a power failure, lost rows are read from the journals again.
    connection.execute("PRAGMA synchronous = normal")


def _use_wal(connection: sqlite3.Connection) -> None:
    # If several connections open a new file at once, SQLite refuses the change immediately, whatever the timeout. A
    # database in memory, or on a file system without shared memory, keeps its mode without an error, and that works
    # too.
    ends = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = wal")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > ends:
                raise
        time.sleep(0.01)


def _begin_in_sqlite(connection: sa.Connection) -> None:
    if not connection.get_execution_options().get("writes"):
        connection.exec_driver_sql("BEGIN")
        return
    before = _changes(connection)
    while True:
        try:
            # SQLite refuses readers that become writers if another connection has written meanwhile. So lock at once.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            # SQLite has no queue for its lock, so try again as long as other connections make progress.
            now = _changes(connection) if is_locked(error.orig) else before
            if now == before:
                raise
            before = now


def _changes(connection: sa.Connection) -> object:
    """Return a value that changes when another connection has written."""
    return connection.exec_driver_sql("PRAGMA data_version").scalar()


def writing(engine: sa.Engine) -> sa.Engine:
    """Return ``engine`` for transactions that write."""
    return engine.execution_options(writes=True)


def find_damage(engine: sa.Engine) -> str | None:
    """Describe the damage to the database's file; None if there is none, or if the database is on a server."""
    if engine.dialect.name != "sqlite":
        return None
    try:
        with engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar())
    except (SQLAlchemyError, ValueError, DataError) as error:
        return str(error)
    return None if found == "ok" else found


def insert_rows(connection: sa.Connection, table: sa.Table, rows: Sequence[Sequence[Any]]) -> None:
    """Insert ``rows``, which have the values of all columns in the table's order.

    They are passed to the driver unchanged: SQLAlchemy's processing of each value takes longer than the insertion.
    """
    statement = sa.insert(table).compile(dialect=connection.dialect, column_keys=[column.name for column in table.c])
    if statement.positiontup is not None:
        connection.exec_driver_sql(str(statement), [tuple(row) for row in rows])
    else:
        names = [column.name for column in table.c]
        connection.exec_driver_sql(str(statement), [dict(zip(names, row, strict=True)) for row in rows])


def insert_missing(connection: sa.Connection, table: sa.Table) -> Any:
    """Return an INSERT that skips rows that exist already."""
    return _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()


def insert_or_add(
    connection: sa.Connection, table: sa.Table, *, add: tuple[str, ...], least: str, greatest: str
) -> Any:
    """Return an INSERT that adds to the columns ``add`` of rows that exist already.

    Of the column ``least`` it keeps the lesser value, of ``greatest`` the greater one.
    """
    insert = _INSERTS[connection.dialect.name](table)
    old, new = table.c, insert.excluded
    changes = {name: old[name] + new[name] for name in add}
    changes[least] = sa.case((new[least] < old[least], new[least]), else_=old[least])
    changes[greatest] = sa.case((new[greatest] > old[greatest], new[greatest]), else_=old[greatest])
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)


def cannot_write(error: object) -> bool:
    """Return whether the database raised this error because its disk is full or read-only."""
    # The lower byte is the kind of error, the others are details.
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CANNOT_WRITE


def is_locked(error: object) -> bool:
    """Return whether the database raised this error because another process has locked it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
