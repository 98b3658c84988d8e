"""One store: its tables, bringing it up to date with the journals, and reading from it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from ..errors import DataError
from ..journal.run_folder import RunFolder
from ..model.data_files import NotRegularError
from . import schema
from .connections import Connections
from .damage import OldStoreError, ReplacedError
from .dialect import insert_missing, writing
from .ingest.sync import Progress, RunSync
from .queries.run_queries import RunQueries
from .queries.statements import Analysed, load_statements, save_statements

# What a store that is broken makes its readers raise: a garbled file may be read, and hold what we have never written.
FAULTS: tuple[type[BaseException], ...] = (
    SQLAlchemyError, LookupError, TypeError, ValueError, AttributeError, OverflowError, OldStoreError, ReplacedError,
    NotRegularError,
)  # fmt: skip


class Store:
    """The store in one database; made by :func:`open_store`.

    :ivar identity: differs between stores, one that was made anew in the same place included: each has its own numbers.
    """

    def __init__(self, connections: Connections, remake: Callable[[Store, BaseException], bool]) -> None:
        self.connections = connections
        self._remake = remake
        self.identity = ""
        self.is_remade = False
        self.warnings: list[str] = []

    @property
    def _engine(self) -> sa.Engine:
        return self.connections.engine

    def open(self) -> None:
        """Make the tables if they are not there."""
        self.identity = _prepare(self._engine)

    def sync(self, folder: RunFolder, progress: Progress = lambda done, total: None) -> int:
        """Bring the store up to date with the journals of a run; return the run's number in the store.

        Several processes may do this at once. What cannot be read is named in :attr:`warnings`, and so is a store that
        was broken and is made anew.
        """
        try:
            return self._sync(folder, progress)
        except FAULTS as error:
            if not self._remake(self, error):
                raise
        return self._sync(folder, progress)

    def _sync(self, folder: RunFolder, progress: Progress) -> int:
        sync = RunSync(self._engine, folder, progress)
        number = sync()
        self.warnings += sync.warnings
        return number

    def load_statements(self, rules: str, contents: Iterable[str]) -> dict[str, Analysed]:
        """What is known of the contents of source files (hashes) under ``rules``."""
        with self._engine.connect() as connection:
            return load_statements(connection, rules, contents)

    def save_statements(self, rules: str, analysed: Mapping[str, Analysed]) -> None:
        """Keep what counts in the contents of source files."""
        with writing(self._engine).begin() as connection:
            save_statements(connection, rules, analysed)

    @contextmanager
    def recorded(self, runs: Sequence[int], *, period: int | None = None) -> Iterator[RunQueries]:
        """What the store holds of ``runs``, as it is now; with ``period``, of that period of theirs alone."""
        with self._engine.connect() as connection:
            yield RunQueries(connection, runs, period)


def _prepare(engine: sa.Engine) -> str:
    """Make the tables if they are not there; return the store's identity."""
    if not sa.inspect(engine).has_table(schema.meta.name):
        with writing(engine).begin() as connection:
            schema.metadata.create_all(connection)
            about = {"schema_version": str(schema.VERSION), "identity": uuid.uuid4().hex}
            rows = [{"key": key, "value": value} for key, value in about.items()]
            connection.execute(insert_missing(connection, schema.meta), rows)
            # Number 1: the index of named tests leaves it out.
            connection.execute(insert_missing(connection, schema.tests), [{"name": ""}])
    with engine.connect() as connection:
        found: dict[str, str] = {row.key: row.value for row in connection.execute(sa.select(schema.meta))}
    version = found.get("schema_version")
    if version == str(schema.VERSION):
        return found["identity"]
    is_newer = version is not None and version.isdecimal() and int(version) > schema.VERSION
    raise (DataError if is_newer else OldStoreError)(
        f"the store {engine.url.render_as_string()} has version {version}, and this package reads {schema.VERSION}: "
        "name another one with LIVECOVERAGE_STORE, or remove it: it is made anew from the journals"
    )
