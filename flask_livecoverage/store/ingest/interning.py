"""Interns repeated values: each distinct test, route, file and trace is stored once, as a row with a number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from .. import schema
from ..dialect import chunks, insert_missing

# Limits the memory for a run with an unlimited number of names.
_MAX_INTERNED = 100_000

Key = tuple[str | int, ...]


def run_number(connection: sa.Connection, name: str) -> int:
    """Return the number of the run ``name``, which gets one if it has none yet."""
    return Interner(schema.runs, "name").intern(connection, [(name,)])[name,]


class Interner:
    """Interns values into the rows of one table, which are identified by ``columns``."""

    def __init__(self, table: sa.Table, *columns: str) -> None:
        self._table = table
        self._columns = [table.c[name] for name in columns]
        self._known: dict[Key, int] = {}

    def intern(self, connection: sa.Connection, keys: Iterable[Key]) -> Mapping[Key, int]:
        """Insert a row for each of ``keys`` that has none; return the numbers of all cached keys, these included."""
        if len(self._known) > _MAX_INTERNED:
            self._known.clear()
        new = sorted(set(keys) - self._known.keys())
        for chunk in chunks(new):
            names = [column.name for column in self._columns]
            connection.execute(
                insert_missing(connection, self._table), [dict(zip(names, key, strict=True)) for key in chunk]
            )
            self._look_up(connection, chunk)
        return self._known

    def _look_up(self, connection: sa.Connection, keys: Sequence[Key]) -> None:
        if len(self._columns) == 1:
            wanted = self._columns[0].in_([key[0] for key in keys])
        else:
            wanted = sa.tuple_(*self._columns).in_(keys)
        for number, *key in connection.execute(sa.select(self._table.c.id, *self._columns).where(wanted)):
            self._known[tuple(key)] = number

    def __getitem__(self, key: Key) -> int:
        return self._known[key]
