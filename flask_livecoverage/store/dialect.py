"""Where databases differ: the one place that speaks to SQLite otherwise than to others."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from ..errors import ConfigurationError, DataError

_CANNOT_WRITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}

# So long is a store waited for in which nothing moves.
BUSY_SECONDS = 10
_INSERTS: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def make_engine(url: str, connect_to_sqlite: Callable[..., sqlite3.Connection]) -> sa.Engine:
    """An engine for the database at ``url``. Raises ConfigurationError if there can be none.

    ``connect_to_sqlite`` is a listener to SQLAlchemy's ``do_connect``.
    """
    try:
        # A server may have closed a connection that was kept.
        engine = sa.create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE cannot be {shown_url(url)!r}: use an SQLAlchemy URL, such as sqlite:////tmp/livecov.sqlite3"
        ) from None
    except ImportError as error:
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE is {shown_url(url)!r}, whose driver is not installed ({error}): install it with pip"
        ) from None
    if engine.dialect.name not in _INSERTS:
        raise ConfigurationError(
            f"LIVECOVERAGE_STORE is {shown_url(url)!r}, but the store can be in {' or '.join(_INSERTS)} alone"
        )
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "do_connect", connect_to_sqlite)
        sa.event.listen(engine, "begin", _begin_in_sqlite)
    return engine


def shown_url(url: str) -> str:
    """``url`` without the password in it."""
    try:
        return sa.make_url(url).render_as_string(hide_password=True)
    except (ArgumentError, ValueError):
        return "what it is"


def set_up_sqlite(connection: sqlite3.Connection) -> None:
    """Set a new connection up. All files that SQLite has for the database are open then."""
    # The driver begins transactions too late, after the first SELECT: we begin them ourselves.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    _use_wal(connection)
    # In bytes, for a file that is made now. Every index gets a row for each request.
    connection.execute("PRAGMA page_size = 8192")
    # In KiB. A million requests go into indexes at places far apart, which the default of 2 MiB cannot hold.
    connection.execute("PRAGMA cache_size = -65536")
    # In pages. A page that many rows go to is then written to the file once, not for every thousandth of them.
    connection.execute("PRAGMA wal_autocheckpoint = 8192")
    # After a power failure the journals make lost rows anew.
    connection.execute("PRAGMA synchronous = normal")


def _use_wal(connection: sqlite3.Connection) -> None:
    # Where several open a new file at once, SQLite refuses the change at once, whatever the timeout. A database in
    # memory, and one on a file system without shared memory, stays as it is without an error, which suits us, too.
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
            # Readers that turn into writers are refused when another has written meanwhile. So writers lock at once.
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            return
        except OperationalError as error:
            # Others that put much into the store leave gaps, and SQLite has no queue for these.
            now = _changes(connection) if is_locked(error.orig) else before
            if now == before:
                raise
            before = now


def _changes(connection: sa.Connection) -> object:
    """What changes when another connection has written."""
    return connection.exec_driver_sql("PRAGMA data_version").scalar()


def writing(engine: sa.Engine) -> sa.Engine:
    """``engine``, for transactions that write."""
    return engine.execution_options(writes=True)


def find_damage(engine: sa.Engine) -> str | None:
    """What is wrong with the database's file, None if nothing is, or if there is a server that cares for it."""
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

    Handed to the driver as they are: what SQLAlchemy does for each value takes longer than the insertion.
    """
    statement = sa.insert(table).compile(dialect=connection.dialect, column_keys=[column.name for column in table.c])
    if statement.positiontup is not None:
        connection.exec_driver_sql(str(statement), [tuple(row) for row in rows])
    else:
        names = [column.name for column in table.c]
        connection.exec_driver_sql(str(statement), [dict(zip(names, row, strict=True)) for row in rows])


def insert_missing(connection: sa.Connection, table: sa.Table) -> Any:
    """An INSERT that passes over rows that are there already."""
    return _INSERTS[connection.dialect.name](table).on_conflict_do_nothing()


def insert_or_add(
    connection: sa.Connection, table: sa.Table, *, add: tuple[str, ...], least: str, greatest: str
) -> Any:
    """An INSERT that adds to the columns ``add`` of rows that are there already.

    Of ``least`` it keeps the lesser value, of ``greatest`` the greater one.
    """
    insert = _INSERTS[connection.dialect.name](table)
    old, new = table.c, insert.excluded
    changes = {name: old[name] + new[name] for name in add}
    changes[least] = sa.case((new[least] < old[least], new[least]), else_=old[least])
    changes[greatest] = sa.case((new[greatest] > old[greatest], new[greatest]), else_=old[greatest])
    return insert.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changes)


def cannot_write(error: object) -> bool:
    """Whether the database had this error because its disk is full, or read-only."""
    # The lower byte is the kind of fault, the others tell more about it.
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in _CANNOT_WRITE


def is_locked(error: object) -> bool:
    """Whether the database had this error because another process holds it."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
