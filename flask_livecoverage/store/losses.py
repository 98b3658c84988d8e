"""Counts of lost records, stored in the table of the store's version. Most runs lose none, and need no other table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from .dialect import chunks, insert_missing
from .schema import meta


def put(connection: sa.Connection, journal: int, lost: Counter[str]) -> None:
    """Add the losses that the journal with this number reports: how many, by the reason."""
    key = _key(journal)
    lost = lost + of_journals(connection, [journal])
    connection.execute(insert_missing(connection, meta), [{"key": key, "value": ""}])
    connection.execute(sa.update(meta).where(meta.c.key == key).values(value=json.dumps(lost)))


def of_journals(connection: sa.Connection, journals: Iterable[int]) -> Counter[str]:
    """Return the losses that these journals report, together."""
    known = sa.select(meta.c.value).where(meta.c.key.in_([_key(journal) for journal in journals]))
    return sum((Counter(json.loads(value)) for value in connection.execute(known).scalars()), Counter())


def remove(connection: sa.Connection, journals: Iterable[int]) -> None:
    """Remove the losses of these journals, whose numbers other journals may be given later."""
    for chunk in chunks([_key(journal) for journal in journals]):
        connection.execute(sa.delete(meta).where(meta.c.key.in_(chunk)))


def _key(journal: int) -> str:
    return f"lost:{journal}"
