"""The contents that files had, by their hashes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from contextlib import suppress

import sqlalchemy as sa

from ...model.contents import hash_of
from .. import schema
from ..dialect import chunks
from .base import QueryBase


class ContentQueries:
    """The contents of source files, and the files of some runs."""

    def __init__(self, base: QueryBase) -> None:
        self._base = base

    def load(self, contents: Iterable[str]) -> dict[str, bytes]:
        """Return the bytes of files by the hashes of their contents; those that were not kept are missing."""
        return load_contents(self._base.connection, contents)

    def sources(self) -> dict[str, str]:
        """Return the hash of the content of each file that the configuration selected, executed or not, by its path.

        It is empty if the file was changed before it could be read. Of several runs, the last that knows it counts.
        """
        table = schema.sources.c
        query = sa.select(table.path, table.content).where(table.run.in_(self._base.runs))
        found: dict[str, str] = {}
        for path, content in self._base.connection.execute(query.order_by(table.run)):
            found[path] = content or found.get(path, "")
        return found


def load_contents(connection: sa.Connection, contents: Iterable[str]) -> dict[str, bytes]:
    """Return the stored bytes of ``contents`` (hashes); one that is damaged counts as missing."""
    table = schema.contents.c
    found: dict[str, bytes] = {}
    for chunk in chunks(sorted(set(contents))):
        for row in connection.execute(sa.select(table.hash, table.data).where(table.hash.in_(chunk))):
            with suppress(zlib.error):
                data = zlib.decompress(row.data)
                if hash_of(data) == row.hash:
                    found[row.hash] = data
    return found
