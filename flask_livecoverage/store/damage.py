"""The store's own file: what may lie there, whether it is broken, and how it is put aside to be made anew."""

from __future__ import annotations

import os
import secrets
import sqlite3
import stat
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError, DBAPIError

from ..errors import DataError
from ..model.data_files import FILE_MODE, NotRegularError, lock, open_data_file, releasing
from .dialect import find_damage

# What SQLite keeps beside a database. It opens none of them through a symbolic link, but waits at a pipe.
_BESIDE = ("-journal", "-wal", "-shm")

# Faults of what is in the file. With statements of ours, "SQL logic error" means that a table or a column is missing.
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

# Who holds it renames some files.
_LOCK_SECONDS = 10.0


class OldStoreError(DataError):
    """The store's tables are those of an earlier version of this package."""


class ReplacedError(DataError):
    """The store's file is not the one any more that was asked before."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(f"the store {path} was removed or made anew meanwhile: ask again")


def path_of(url: str) -> Path | None:
    """The file of the store at ``url``; None for a database in memory, or on a server."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        return None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def identify(url: str) -> Hashable:
    """What shows that the store's file was removed: without the file, it equals nothing. None for a server's database.

    A file that was made anew may equal the old one, since file systems use their numbers again.
    """
    path = path_of(url)
    return None if path is None else _identify(path)


def _identify(path: Path) -> Hashable:
    try:
        found = os.stat(path)
    except OSError:
        return object()
    return found.st_dev, found.st_ino


def check_file(path: Path, *, is_own: bool) -> None:
    """See that SQLite can open the file at ``path``, and neither waits for ever nor changes somebody else's.

    The store in the data directory is its ``own``: no symbolic link leads elsewhere, and a new file gets the mode that
    the other files there have. Raises NotRegularError.
    """
    for beside in _BESIDE:
        _check_regular(Path(f"{path}{beside}"), follows=False, names=1)
    _check_regular(path, follows=not is_own, names=1 if is_own else 1 << 30)
    if is_own:
        # Made, never opened: to close it again would end the locks that this process's connections have on it.
        with suppress(OSError):
            os.close(open_data_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, FILE_MODE))


def _check_regular(path: Path, *, follows: bool, names: int) -> None:
    try:
        found = os.stat(path, follow_symlinks=follows)
    except FileNotFoundError:
        return
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError(path)
    if found.st_nlink > names:
        raise NotRegularError(path, "has other names")


@contextmanager
def held_in_place(path: Path) -> Iterator[None]:
    """Keep others from putting the store's files aside as long as this lasts.

    SQLite opens several, one after the other, and removes some when it is done. Some of the old store and some of the
    new one would be a third store, and the new one would lose what was written to it. Raises DataError.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(path, is_shared=True))
        except TimeoutError:
            raise DataError(
                f"the store {path} is being put aside by another process: end that one if it hangs, or ask again"
            ) from None
        except OSError:
            pass  # then nobody else can put anything aside, either
        yield


@contextmanager
def _locked(path: Path, *, is_shared: bool) -> Iterator[None]:
    descriptor = open_data_file(path.with_name("store.lock"), os.O_RDONLY | os.O_CREAT)
    with releasing(descriptor):
        lock(descriptor, _LOCK_SECONDS, is_shared=is_shared)
        yield


def damage_of(error: BaseException, engine: sa.Engine) -> str | None:
    """What is wrong with the content of the store, as far as this error shows; None if it is another fault."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorcode", None)
    broken = isinstance(cause, OldStoreError | NotRegularError)
    broken |= code is not None and (code & 0xFF in _BROKEN or code == sqlite3.SQLITE_IOERR_SHORT_READ)
    if broken:
        return str(cause)
    if isinstance(cause, sqlite3.OperationalError | ReplacedError):
        return None  # locked, full or read-only; or another process has seen to it
    # A garbled file may be read, and hold what we have never written.
    return find_damage(engine)


def put_aside(path: Path, seen: Hashable) -> Path | None:
    """Rename the store's files; return the new path.

    None if the store is not the one that was ``seen`` any more: another process has done it. Raises OSError.
    """
    aside = path.with_name(f"{path.name}.broken-{secrets.token_hex(4)}")
    with _locked(path, is_shared=False):
        if _identify(path) != seen:
            return None
        for suffix in (*_BESIDE, ""):
            with suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    return aside
