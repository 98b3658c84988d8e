"""Copies the contents of source files from stores that were moved aside, because no journal has them."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..model.contents import hash_of
from ..model.data_files import NotRegularError
from . import schema
from .damage import check_file
from .dialect import insert_missing, writing
from .identity import hold_identity
from .ingest.interning import run_number
from .ingest.source_contents import put_contents, put_run_contents

_AT_ONCE = 100
_BESIDE = "-journal", "-wal", "-shm"


def rescue_contents(engine: sa.Engine, path: Path) -> None:
    """Copy into the new store at ``path`` all contents that can be read in the broken or old ones beside it.

    Which files of each run had them is copied too.
    """
    for aside in sorted(path.parent.glob(f"{path.name}.broken-*")):
        if not aside.name.endswith(_BESIDE) and _can_be_opened(aside):
            contents, sources, users = _contents_in(aside), _sources_in(aside), _users_in(aside)
            while some := dict(islice(contents, _AT_ONCE)):
                with writing(engine).begin() as connection:
                    put_contents(connection, some)
            while few := list(islice(sources, _AT_ONCE)):
                with writing(engine).begin() as connection:
                    hold_identity(connection)
                    _put_sources(connection, few)
            while few_users := list(islice(users, _AT_ONCE)):
                with writing(engine).begin() as connection:
                    hold_identity(connection)
                    put_run_contents(connection, ((run_number(connection, name), one) for name, one in few_users))


def _can_be_opened(aside: Path) -> bool:
    """True unless opening it would wait: what was moved aside, or lies beside it, may be a pipe."""
    try:
        check_file(aside, is_own=True)
    except NotRegularError:
        return False
    return True


def _rows(aside: Path, query: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows that can be read; whatever is damaged is left out."""
    before = set(aside.parent.iterdir())
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{aside.absolute().as_uri()}?mode=ro", uri=True)) as broken:
        yield from broken.execute(query)
    # SQLite creates files beside a database with a log, and only removes them if it may write.
    for suffix in _BESIDE:
        beside = aside.with_name(f"{aside.name}{suffix}")
        if beside not in before:
            beside.unlink(missing_ok=True)


def _contents_in(aside: Path) -> Iterator[tuple[str, bytes]]:
    for content, data in _rows(aside, f"SELECT hash, data FROM {schema.contents.name}"):
        with suppress(zlib.error, TypeError):
            # Its hash proves that it is whole.
            if hash_of(found := zlib.decompress(data)) == content:
                yield content, found


def _sources_in(aside: Path) -> Iterator[tuple[str, str, str]]:
    runs, sources = schema.runs.name, schema.sources.name
    query = f"SELECT name, path, content FROM {sources} JOIN {runs} ON id = run WHERE content != ''"
    for row in _rows(aside, query):
        if all(type(value) is str for value in row):
            yield row


def _users_in(aside: Path) -> Iterator[tuple[str, str]]:
    runs, users = schema.runs.name, schema.run_contents.name
    for row in _rows(aside, f"SELECT name, content FROM {users} JOIN {runs} ON id = run"):
        if all(type(value) is str for value in row):
            yield row


def _put_sources(connection: sa.Connection, rows: Sequence[tuple[str, str, str]]) -> None:
    numbers = {name: run_number(connection, name) for name in sorted({name for name, _, _ in rows})}
    sources = [{"run": numbers[name], "path": path, "content": content} for name, path, content in rows]
    connection.execute(insert_missing(connection, schema.sources), sources)
