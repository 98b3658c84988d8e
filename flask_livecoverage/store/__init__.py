"""The store: what was recorded, in a database that answers questions quickly.

It is made from the journals, and can be made anew from them: the journals are what counts. By default it is an SQLite
file in the data directory; ``LIVECOVERAGE_STORE`` names another database.
"""

from __future__ import annotations

import os
import threading
import uuid
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from ..errors import DataError, LiveCoverageError, StorageError
from ..journal import RunFolder
from . import schema
from .dialect import cannot_write, find_damage, insert_missing, make_engine, shown_url, writing
from .recorded import Recorded
from .statements import Analysed, load_statements, save_statements
from .sync import Progress, RunSync

__all__ = ["KeptStore", "Recorded", "Store", "open_store", "store_file", "store_url"]


def store_url(data_dir: Path, setting: str | None) -> str:
    """The URL of the store: ``setting`` (``LIVECOVERAGE_STORE``) or the file in ``data_dir``."""
    return setting or f"sqlite:///{data_dir.absolute() / 'store.sqlite3'}"


def store_file(url: str) -> Hashable:
    """What shows that the store's file was removed: without the file, it equals nothing. None for a server's database.

    A file that was made anew may equal the old one, since file systems use their numbers again: see
    :attr:`Store.identity`.
    """
    parsed = sa.make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    try:
        found = os.stat(parsed.database or "")
    except OSError:
        return object()
    return found.st_dev, found.st_ino


class Store:
    """The store in one database; made by :func:`open_store`.

    :ivar identity: differs between stores, one that was made anew in the same place included: each has its own numbers.
    """

    def __init__(self, engine: sa.Engine, identity: str) -> None:
        self._engine = engine
        self.identity = identity
        self.warnings: list[str] = []

    def sync(self, folder: RunFolder, progress: Progress = lambda done, total: None) -> int:
        """Bring the store up to date with the journals of a run; return the run's number in the store.

        Several processes may do this at once. What cannot be read is named in :attr:`warnings`.
        """
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
    def recorded(self, runs: Sequence[int], *, period: int | None = None) -> Iterator[Recorded]:
        """What the store holds of ``runs``, as it is now; with ``period``, of that period of theirs alone."""
        with self._engine.connect() as connection:
            yield Recorded(connection, runs, period)


class KeptStore:
    """The store at ``url``, kept open between its uses; several threads may be at it.

    That spares who uses it often three things: connecting, preparing the same statements again, and that SQLite brings
    its file up to date when nobody has it open any more. A disk may take a second for that, and whoever opens the file
    meanwhile waits.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._lock = threading.Lock()
        self._engine: sa.Engine | None = None
        self._file: Hashable = None
        self._is_closed = False
        # How often all connections were given up: those that are in use then are closed afterwards.
        self._given_up = 0

    @contextmanager
    def use(self) -> Iterator[Store]:
        """The store, made if it is not there, or not there any more. Raises as :func:`open_store`."""
        engine = self._get_engine()
        try:
            yield Store(engine, self._open(engine))
        except SQLAlchemyError as error:
            raise _unusable(self._url, error.orig if isinstance(error, DBAPIError) else error) from error
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # A garbled file may be read, and hold what we have never written.
            damage = find_damage(engine)
            if damage is None:
                raise
            raise _unusable(self._url, damage) from error

    def close(self) -> None:
        """Keep it open no longer. Who uses it now may go on."""
        self._is_closed = True
        self._give_up()

    def _give_up(self) -> None:
        self._given_up += 1
        if self._engine is not None:
            self._engine.dispose()

    def _get_engine(self) -> sa.Engine:
        with self._lock:
            if self._engine is None:
                self._engine = make_engine(self._url)
                sa.event.listen(self._engine, "connect", self._connected)
                sa.event.listen(self._engine, "checkin", self._returned)
            return self._engine

    def _open(self, engine: sa.Engine) -> str:
        with self._lock:
            if store_file(self._url) != self._file:
                # Connections would go on with the file that was removed.
                self._give_up()
            identity = _prepare(engine)
            self._file = store_file(self._url)
            return identity

    def _connected(self, _connection: object, record: ConnectionPoolEntry) -> None:
        record.info["given_up"] = self._given_up

    def _returned(self, _connection: object, record: ConnectionPoolEntry) -> None:
        if self._is_closed or record.info.get("given_up") != self._given_up:
            record.invalidate()


@contextmanager
def open_store(url: str) -> Iterator[Store]:
    """The store at ``url``, made if it is not there.

    Raises ConfigurationError for a URL that cannot be used, DataError for a database that cannot be, or whose tables
    another version of this package has made.
    """
    with closing(KeptStore(url)) as kept, kept.use() as store:
        yield store


def _unusable(url: str, reason: object) -> LiveCoverageError:
    described = f"the store {shown_url(url)} cannot be used ({' '.join(str(reason).split())})"
    if cannot_write(reason):
        return StorageError(f"{described}: make room there, or name another one with LIVECOVERAGE_STORE")
    return DataError(
        f"{described}: name another one with LIVECOVERAGE_STORE, or remove it if it is broken: it is made anew from "
        "the journals"
    )


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
    if version != str(schema.VERSION):
        raise DataError(
            f"the store {engine.url.render_as_string()} has version {version}, and this package reads "
            f"{schema.VERSION}: name another one with LIVECOVERAGE_STORE, or remove it: it is made anew from the "
            "journals"
        )
    return found["identity"]
