"""The connections to a store: all of them to the same file, even if files are replaced meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

from sqlalchemy import event
from sqlalchemy.pool import ConnectionPoolEntry

from .damage import ReplacedError, check_file, held_in_place, identify, path_of
from .dialect import make_engine, set_up_sqlite


class Connections:
    """Connections to the store at ``url``, as long as it is the store that the first of them has opened.

    Row numbers of one store mean nothing in another that replaces it. A connection to a replaced store raises
    ReplacedError.

    :ivar url: as it was given.
    :ivar file: identifies the store's file; None before the first connection, and for a server's database.
    """

    def __init__(self, url: str, *, is_own: bool) -> None:
        self.url = url
        self._path = path_of(url)
        self._is_own = is_own
        self._is_closed = False
        self.file: Hashable = None
        self.engine = make_engine(url, self._connect_to_sqlite)
        event.listen(self.engine, "checkin", self._returned)

    @property
    def are_current(self) -> bool:
        """Whether the store at the URL is still the one that they were opened for."""
        return self.file is None or identify(self.url) == self.file

    def close(self) -> None:
        """Close all connections; those in use, when they are returned."""
        self._is_closed = True
        self.engine.dispose()

    def _returned(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if self._is_closed:
            record.invalidate()

    def _connect_to_sqlite(self, dialect: Any, _record: object, arguments: Any, named: Any) -> sqlite3.Connection:
        connect = partial(dialect.connect, *arguments, **named, factory=partial(_Connection, self._held))
        with self._held():
            try:
                if self._path is not None:
                    check_file(self._path, is_own=self._is_own)
                connection = _open(connect)
            finally:
                # Also if it cannot be opened, because this is the broken file then.
                found = identify(self.url)
                self.file = found if self.file is None else self.file
            if found != self.file:
                connection.close()
                raise ReplacedError(self._path)
            return connection

    def _held(self) -> AbstractContextManager[None]:
        return held_in_place(self._path) if self._is_own and self._path is not None else nullcontext()


def _open(connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
    connection = connect()
    try:
        set_up_sqlite(connection)
    except BaseException:
        connection.close()
        raise
    return connection


class _Connection(sqlite3.Connection):
    """Is closed under the lock ``held``: SQLite removes files then, by their names."""

    def __init__(self, held: Callable[[], AbstractContextManager[None]], *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._held = held

    def close(self) -> None:
        with self._held():
            super().close()
