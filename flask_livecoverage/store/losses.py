"""How many records processes have lost, kept beside the store's version: most runs lose none, and need no table."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

import sqlalchemy as sa

from .dialect import insert_missing
from .schema import meta


def put(connection: sa.Connection, journal: int, lost: Counter[str]) -> None:
    """Add what the journal with this number has told: how many, by the reason."""
    key = _key(journal)
    lost = lost + of_journals(connection, [journal])
    connection.execute(insert_missing(connection, meta), [{"key": key, "value": ""}])
    connection.execute(sa.update(meta).where(meta.c.key == key).values(value=json.dumps(lost)))


def of_journals(connection: sa.Connection, journals: Iterable[int]) -> Counter[str]:
    """What these journals have told, together."""
    known = sa.select(meta.c.value).where(meta.c.key.in_([_key(journal) for journal in journals]))
    return sum((Counter(json.loads(value)) for value in connection.execute(known).scalars()), Counter())


def _key(journal: int) -> str:
    return f"lost:{journal}"
