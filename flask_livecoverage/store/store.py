"""One store: creates its tables, synchronises it with the journals, and reads from it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..errors import DataError
from ..journal.run_folder import RunFolder
from ..model.data_files import NotRegularError
from ..model.text import whole_number
from . import schema
from .connections import Connections
from .damage import OldStoreError, ReplacedError
from .dialect import insert_missing, storable, writing
from .identity import hold_identity, new_identity
from .ingest.interning import run_number
from .ingest.source_contents import Versions, keep_sources, put_sources
from .ingest.sync import Progress, RunSync
from .queries.run_queries import RunQueries
from .queries.statements import Analysed, load_statements, save_statements
from .removal import remove_run
from .run_keys import run_key

# Errors that a broken store can cause. A damaged file may still be readable, with rows that were never written.
FAULTS: tuple[type[BaseException], ...] = (
    SQLAlchemyError, LookupError, TypeError, ValueError, AttributeError, OverflowError, OldStoreError, ReplacedError,
    NotRegularError,
)  # fmt: skip


class Store:
    """The store in one database; created by :func:`open_store`.

    :ivar identity: differs between stores, even if one was rebuilt at the same path, and changes when a run is removed:
        each has its own row numbers.
    """

    def __init__(self, connections: Connections, rebuild: Callable[[Store, BaseException], bool]) -> None:
        self.connections = connections
        self._rebuild = rebuild
        self.identity = ""
        self.is_rebuilt = False
        self.warnings: list[str] = []

    @property
    def _engine(self) -> sa.Engine:
        return self.connections.engine

    def open(self) -> bool:
        """Create the tables if they do not exist; return whether they were created."""
        is_new = not sa.inspect(self._engine).has_table(schema.meta.name)
        if is_new:
            _create(self._engine)
        self.identity = _check_version(self._engine)
        return is_new

    def sync(self, folder: RunFolder, progress: Progress = lambda done, total: None) -> int:
        """Bring the store up to date with the journals of a run; return the run's number in the store.

        Several processes may do this at once. Lines that cannot be read are named in :attr:`warnings`, and so is a
        store that was broken and rebuilt.
        """
        try:
            return self._sync(folder, progress)
        except FAULTS as error:
            if not self._rebuild(self, error):
                raise
        return self._sync(folder, progress)

    def _sync(self, folder: RunFolder, progress: Progress) -> int:
        sync = RunSync(self._engine, folder, self._key(folder), progress)
        number = sync()
        self.warnings += sync.warnings
        return number

    def keep_sources(self, folder: RunFolder, executed: Versions, listed: Iterable[str]) -> None:
        """Keep the contents of a run's files without its requests, which takes no longer however many there are.

        :param executed: the files that ran, with the hashes of their contents.
        :param listed: the files that the configuration selects, executed or not.
        """
        with writing(self._engine).begin() as connection:
            hold_identity(connection)
            run = run_number(connection, self._key(folder))
            put_sources(connection, run, map(storable, listed))
            versions = [(storable(path), storable(content)) for path, content in executed]
            keep_sources(connection, run, versions, folder.last_write())

    def _key(self, folder: RunFolder) -> str:
        return run_key(folder, self.connections.url)

    def remove(self, folder: RunFolder) -> None:
        """Remove a run, and what no other run uses, such as contents of its files."""
        with writing(self._engine).begin() as connection:
            remove_run(connection, self._key(folder))

    def load_statements(self, rules: str, contents: Iterable[str]) -> dict[str, Analysed]:
        """Return the stored analysis of source files, by the hashes of their contents, under ``rules``."""
        with self._engine.connect() as connection:
            return load_statements(connection, rules, contents)

    def save_statements(self, rules: str, analysed: Mapping[str, Analysed]) -> None:
        """Store the analysis of source files, by the hashes of their contents, under ``rules``."""
        with writing(self._engine).begin() as connection:
            save_statements(connection, rules, analysed)

    @contextmanager
    def recorded(self, runs: Sequence[int], *, period: int | None = None) -> Iterator[RunQueries]:
        """Yield the queries on ``runs``, as they are stored now; with ``period``, on that period alone."""
        with self._engine.connect() as connection:
            yield RunQueries(connection, runs, period)


def _create(engine: sa.Engine) -> None:
    with writing(engine).begin() as connection:
        schema.metadata.create_all(connection)
        version = {"key": "schema_version", "value": str(schema.VERSION)}
        connection.execute(insert_missing(connection, schema.meta), [version, new_identity()])
        # Number 1, which stands for no test.
        connection.execute(insert_missing(connection, schema.tests), [{"name": ""}])


def _check_version(engine: sa.Engine) -> str:
    """Return the store's identity. Raises OldStoreError, or DataError for a store of a newer version."""
    with engine.connect() as connection:
        found: dict[str, str] = {row.key: row.value for row in connection.execute(sa.select(schema.meta))}
    version = found.get("schema_version")
    if version == str(schema.VERSION):
        return found["identity"]
    is_newer = (whole_number(version or "", 1_000_000) or 0) > schema.VERSION
    raise (DataError if is_newer else OldStoreError)(
        f"the store {engine.url.render_as_string()} has version {version}, and this package reads {schema.VERSION}: "
        "name another one with LIVECOVERAGE_STORE, or remove it; it will be rebuilt from the journals"
    )
