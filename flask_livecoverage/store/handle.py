"""A store that stays open between its uses, and is moved aside and rebuilt when it is broken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import DataError, LiveCoverageError, StorageError
from .connections import Connections
from .damage import OldStoreError, ReplacedError, damage_of, move_aside, path_of
from .dialect import cannot_write, is_locked, shown_url
from .rescue import rescue_contents
from .store import FAULTS, Store


def store_url(data_dir: Path, setting: str | None) -> str:
    """Return the URL of the store: ``setting`` (``LIVECOVERAGE_STORE``) or the file in ``data_dir``."""
    return setting or f"sqlite:///{data_dir.absolute() / 'store.sqlite3'}"


class StoreHandle:
    """The store at ``url``, kept open between its uses; thread-safe.

    For frequent use this saves three costs: connecting, preparing the same statements again, and SQLite's checkpoint
    when the last connection closes. A disk may take a second for that checkpoint, and other processes that open the
    file meanwhile wait.

    :param is_own: whether it is the data directory's store: a broken one is moved aside and rebuilt. A database that
        ``LIVECOVERAGE_STORE`` names may hold other data.
    """

    def __init__(self, url: str, *, is_own: bool = False) -> None:
        self._url = url
        self._path = path_of(url)
        self._is_own = is_own
        self._lock = threading.Lock()
        self._connections: Connections | None = None
        self._is_closed = False

    @contextmanager
    def use(self) -> Iterator[Store]:
        """Yield the store, created if it does not exist or was removed. Raises the errors of :func:`open_store`."""
        store = Store(self._get_connections(), self._rebuild)
        try:
            try:
                self._open(store)
            except FAULTS as error:
                if not self._rebuild(store, error):
                    raise
            yield store
        except FAULTS as error:
            self._explain(error, store)
            raise
        finally:
            if self._is_closed:
                self.close()

    def _rebuild(self, store: Store, error: BaseException) -> bool:
        """Move a broken store aside and open a new one; False if the error has another cause."""
        if store.is_rebuilt:
            return False  # not repeatedly, because the disk may be broken
        if not isinstance(error, ReplacedError):
            damage = damage_of(error, store.connections.engine) if self._can_rebuild(store) else None
            if damage is None:
                return False
            store.warnings.append(f"{self._move_aside(store, damage)}: it is rebuilt from the journals")
        store.is_rebuilt = True
        store.connections = self._get_connections()
        self._open(store)
        return True

    def _open(self, store: Store) -> None:
        if store.open() and self._is_own and self._path is not None:
            rescue_contents(store.connections.engine, self._path)

    def _can_rebuild(self, store: Store) -> bool:
        return self._is_own and not store.is_rebuilt

    def _explain(self, error: BaseException, store: Store) -> None:
        """Raise an error that explains the damage to the store. Do nothing if the error has another cause."""
        is_of_database = isinstance(error, SQLAlchemyError)
        can_rebuild = self._can_rebuild(store)
        # The check may read the whole file, so it is done once, and only where its result is used.
        damage = damage_of(error, store.connections.engine) if can_rebuild or not is_of_database else None
        if damage is not None and can_rebuild:
            described = self._move_aside(store, damage)
            raise DataError(f"{described}: try again; it will be rebuilt from the journals") from error
        if isinstance(error, OldStoreError):
            return  # its message says what to do
        if is_of_database:
            raise _unusable(self._url, error.orig if isinstance(error, DBAPIError) else error) from error
        if damage is not None:
            raise _unusable(self._url, damage) from error

    def _move_aside(self, store: Store, damage: str) -> str:
        """Move the broken store aside, and return a description of it."""
        assert self._path is not None
        store.connections.close()
        try:
            aside = move_aside(self._path, store.connections.file)
        except OSError as error:
            raise DataError(
                f"the store {self._path} is broken and cannot be renamed ({error.strerror}): remove it; it will be "
                "rebuilt from the journals"
            ) from error
        described = f"the store {self._path} was broken ({' '.join(damage.split())})"
        return described if aside is None else f"{described} and is kept as {aside.name}"

    def close(self) -> None:
        """Close the store, after its present uses have ended."""
        self._is_closed = True
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is not None:
            connections.close()

    def _get_connections(self) -> Connections:
        """Return the connections to the store that exists now."""
        with self._lock:
            if self._connections is not None and not self._connections.are_current:
                self._connections.close()
                self._connections = None
            if self._connections is None:
                self._connections = Connections(self._url, is_own=self._is_own)
            return self._connections


@contextmanager
def open_store(url: str, *, is_own: bool = False) -> Iterator[Store]:
    """Yield the store at ``url``, created if it does not exist; ``is_own`` as for :class:`StoreHandle`.

    Raises ConfigurationError for a URL that cannot be used, DataError for a database that cannot be used, or whose
    tables another version of this package has created.
    """
    with closing(StoreHandle(url, is_own=is_own)) as handle, handle.use() as store:
        yield store


def _unusable(url: str, reason: object) -> LiveCoverageError:
    described = f"the store {shown_url(url)} cannot be used ({' '.join(str(reason).split())})"
    if cannot_write(reason):
        return StorageError(f"{described}: make room there, or name another one with LIVECOVERAGE_STORE")
    if is_locked(reason):
        return DataError(f"{described}: end the other process that has locked it, or try again")
    return DataError(
        f"{described}: name another one with LIVECOVERAGE_STORE, or remove it if it is broken; it will be rebuilt "
        "from the journals"
    )
