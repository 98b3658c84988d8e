"""Keeps the contents of the files of a run, so that it can be read after they have changed.

A file is read when its run is synchronised or reported on. If it was edited before that, its content is not kept.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress

import sqlalchemy as sa

from ...model.contents import hash_of
from ...sources.content import read_source, stat_source
from .. import schema
from ..dialect import chunks, insert_missing

# The paths of files, each with the hash of a content that it had.
Versions = Collection[tuple[str, str]]


def keep_sources(connection: sa.Connection, run: int, executed: Versions, ended_at: float) -> None:
    """Store the contents of a run's files, and which of them the files had that :func:`put_sources` listed.

    ``executed`` are those of files that ran. Other files count as they are now, unless they were changed after
    ``ended_at`` (UNIX seconds, by the clock of the file system).
    """
    known = dict(executed)
    table = schema.sources.c
    missing = (table.run == run) & (table.content == "")
    found = {}
    for path in connection.execute(sa.select(table.path).where(missing)).scalars().all():
        if content := known.get(path) or _present_content(path, ended_at):
            found[path] = content
    for path, content in found.items():
        here = sa.update(schema.sources).where(missing, table.path == path)
        connection.execute(here.values(content=content))
    _keep_contents(connection, run, [*executed, *found.items()])


def _keep_contents(connection: sa.Connection, run: int, versions: Versions) -> None:
    """Store the contents of a run's files that still have the content that they had."""
    wanted = {content: path for path, content in versions}
    put_run_contents(connection, ((run, content) for content in wanted))
    for content in _stored(connection, wanted):
        del wanted[content]
    put_contents(connection, dict(_read(wanted)))


def put_run_contents(connection: sa.Connection, pairs: Iterable[tuple[int, str]]) -> None:
    """Note which runs had which contents, so that these stay as long as one of the runs."""
    rows = [{"run": run, "content": content} for run, content in pairs]
    for chunk in chunks(rows):
        connection.execute(insert_missing(connection, schema.run_contents), chunk)


def put_sources(connection: sa.Connection, run: int, paths: Iterable[str]) -> None:
    """List files of a run, of contents not known yet."""
    rows = [{"run": run, "path": path, "content": ""} for path in sorted(set(paths))]
    for chunk in chunks(rows):
        connection.execute(insert_missing(connection, schema.sources), chunk)


def put_contents(connection: sa.Connection, contents: Mapping[str, bytes]) -> None:
    """Store contents by their hashes."""
    rows = [{"hash": content, "data": zlib.compress(data)} for content, data in contents.items()]
    if rows:
        connection.execute(insert_missing(connection, schema.contents), rows)


def _stored(connection: sa.Connection, contents: Iterable[str]) -> Iterator[str]:
    column = schema.contents.c.hash
    for chunk in chunks(sorted(contents)):
        yield from connection.execute(sa.select(column).where(column.in_(chunk))).scalars().all()


def _read(paths: Mapping[str, str]) -> Iterator[tuple[str, bytes]]:
    """Yield the contents, with their hashes, of those files in ``paths`` (by hash) that have not changed."""
    for content, path in paths.items():
        with suppress(OSError):
            data = read_source(path)
            if hash_of(data) == content:
                yield content, data


def _present_content(path: str, ended_at: float) -> str:
    with suppress(OSError):
        if stat_source(path).st_mtime <= ended_at:
            return hash_of(read_source(path))
    return ""
