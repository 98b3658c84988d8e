"""The identity of a store: it differs between stores, and changes when rows are removed, because numbers are reused.

Row numbers that a process has remembered mean nothing under another identity.
"""

from __future__ import annotations

import uuid

import sqlalchemy as sa

from .schema import meta

_KEY = "identity"


def new_identity() -> dict[str, str]:
    """Return the row of a new store."""
    return {"key": _KEY, "value": uuid.uuid4().hex}


def hold_identity(connection: sa.Connection) -> str:
    """Return the identity, which no other process changes before the end of this transaction.

    So no row is removed that this transaction refers to. It must be the first statement of a transaction that writes.
    """
    # SQLite has no locks for rows, because a transaction that writes locks the whole file.
    query = sa.select(meta.c.value).where(meta.c.key == _KEY).with_for_update(read=True)
    return str(connection.execute(query).scalar_one())


def renew_identity(connection: sa.Connection) -> None:
    """Change the identity, once no other transaction holds it."""
    connection.execute(sa.update(meta).where(meta.c.key == _KEY).values(value=new_identity()["value"]))
