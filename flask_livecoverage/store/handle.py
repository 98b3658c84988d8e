"""A store that is kept open between its uses, and put aside when it is broken."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ..errors import DataError, LiveCoverageError, StorageError
from .connections import Connections
from .damage import ReplacedError, damage_of, path_of, put_aside
from .dialect import cannot_write, is_locked, shown_url
from .store import FAULTS, Store


def store_url(data_dir: Path, setting: str | None) -> str:
    """The URL of the store: ``setting`` (``LIVECOVERAGE_STORE``) or the file in ``data_dir``."""
    return setting or f"sqlite:///{data_dir.absolute() / 'store.sqlite3'}"


class StoreHandle:
    """The store at ``url``, kept open between its uses; several threads may be at it.

    That spares who uses it often three things: connecting, preparing the same statements again, and that SQLite brings
    its file up to date when nobody has it open any more. A disk may take a second for that, and whoever opens the file
    meanwhile waits.

    :param is_own: whether it is the data directory's, so that a broken one is put aside and made anew. One that
        ``LIVECOVERAGE_STORE`` names may hold other things.
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
        """The store, made if it is not there, or not there any more. Raises as :func:`open_store`."""
        store = Store(self._get_connections(), self._remake)
        try:
            try:
                store.open()
            except FAULTS as error:
                if not self._remake(store, error):
                    raise
            yield store
        except FAULTS as error:
            self._explain(error, store)
            raise
        finally:
            if self._is_closed:
                self.close()

    def _remake(self, store: Store, error: BaseException) -> bool:
        """Put a broken store aside and open a new one; whether that is what the error calls for."""
        if store.is_remade:
            return False  # not over and over: a disk may be broken
        if not isinstance(error, ReplacedError):
            damage = self._damage_to_mend(store, error)
            if damage is None:
                return False
            store.warnings.append(f"{self._put_aside(store, damage)}: it is made anew from the journals")
        store.is_remade = True
        store.connections = self._get_connections()
        store.open()
        return True

    def _damage_to_mend(self, store: Store, error: BaseException) -> str | None:
        return damage_of(error, store.connections.engine) if self._is_own and not store.is_remade else None

    def _explain(self, error: BaseException, store: Store) -> None:
        """Raise what says what is wrong with the store, and what to do; nothing if it is another fault."""
        damage = self._damage_to_mend(store, error)
        if damage is not None:
            raise DataError(
                f"{self._put_aside(store, damage)}: ask again, it is made anew from the journals"
            ) from error
        if isinstance(error, SQLAlchemyError):
            raise _unusable(self._url, error.orig if isinstance(error, DBAPIError) else error) from error
        damage = damage_of(error, store.connections.engine)
        if damage is not None:
            raise _unusable(self._url, damage) from error

    def _put_aside(self, store: Store, damage: str) -> str:
        """Put the broken store aside, and return what is to be said of it."""
        assert self._path is not None
        store.connections.give_up()
        try:
            aside = put_aside(self._path, store.connections.file)
        except OSError as error:
            raise DataError(
                f"the store {self._path} is broken and cannot be put aside ({error.strerror}): remove it, it is "
                "made anew from the journals"
            ) from error
        described = f"the store {self._path} was broken ({' '.join(damage.split())})"
        return described if aside is None else f"{described} and is kept as {aside.name}"

    def close(self) -> None:
        """Keep it open no longer. Who uses it now may go on."""
        self._is_closed = True
        with self._lock:
            connections, self._connections = self._connections, None
        if connections is not None:
            connections.give_up()

    def _get_connections(self) -> Connections:
        """Those to the store that is there now."""
        with self._lock:
            if self._connections is not None and not self._connections.are_current:
                self._connections.give_up()
                self._connections = None
            if self._connections is None:
                self._connections = Connections(self._url, is_own=self._is_own)
            return self._connections


@contextmanager
def open_store(url: str, *, is_own: bool = False) -> Iterator[Store]:
    """The store at ``url``, made if it is not there; ``is_own`` as for :class:`StoreHandle`.

    Raises ConfigurationError for a URL that cannot be used, DataError for a database that cannot be, or whose tables
    another version of this package has made.
    """
    with closing(StoreHandle(url, is_own=is_own)) as kept, kept.use() as store:
        yield store


def _unusable(url: str, reason: object) -> LiveCoverageError:
    described = f"the store {shown_url(url)} cannot be used ({' '.join(str(reason).split())})"
    if cannot_write(reason):
        return StorageError(f"{described}: make room there, or name another one with LIVECOVERAGE_STORE")
    if is_locked(reason):
        return DataError(f"{described}: another process holds it: end that one, or ask again")
    return DataError(
        f"{described}: name another one with LIVECOVERAGE_STORE, or remove it if it is broken: it is made anew from "
        "the journals"
    )
