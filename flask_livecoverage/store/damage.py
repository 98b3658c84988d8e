"""Checks the store's file, detects damage, and moves a broken store aside so that it can be rebuilt."""

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

# The files that SQLite keeps beside a database. It opens none of them through a symbolic link, but waits at a pipe.
_BESIDE = ("-journal", "-wal", "-shm")

# Errors in the file's content. For the statements of this package, "SQL logic error" means a missing table or column.
_BROKEN = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}

# The lock is held for the time of opening, or of renaming some files.
_LOCK_SECONDS = 10.0


class OldStoreError(DataError):
    """The store's tables are those of an earlier version of this package."""


class ReplacedError(DataError):
    """The store's file was removed or replaced since the first connection."""

    def __init__(self, path: Path | None) -> None:
        super().__init__(f"the store {path} was removed or rebuilt meanwhile: try again")


def path_of(url: str) -> Path | None:
    """Return the file of the store at ``url``; None for a database in memory, or on a server."""
    try:
        parsed = sa.make_url(url)
    except (ArgumentError, ValueError):
        return None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        return None
    return Path(str(parsed.database))


def identify(url: str) -> Hashable:
    """Return an identity of the store's file; without the file, one that equals no other. None for a server's database.

    A new file may have the identity of the old one, since file systems reuse inode numbers.
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
    """Check that SQLite can open the file at ``path``, and neither waits for ever nor changes another program's file.

    With ``is_own``, it is the store in the data directory: no symbolic link is followed, and a new file gets the same
    mode as the other files there. Raises NotRegularError.
    """
    for beside in _BESIDE:
        _check_regular(Path(f"{path}{beside}"), follows=False, names=1)
    _check_regular(path, follows=not is_own, names=1 if is_own else 1 << 30)
    if is_own:
        # Created, but an existing one is not opened, because closing it would release the locks of this process's
        # connections.
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
    """Prevent other processes from moving the store's files during the block.

    SQLite opens several files, one after the other, and removes some when it is done. If it mixed files of the old and
    the new store, the new one would lose what was written to it. Raises DataError.
    """
    with ExitStack() as stack:
        try:
            stack.enter_context(_locked(path, is_shared=True))
        except TimeoutError:
            raise DataError(
                f"the store {path} is being moved by another process: end that process if it hangs, or try again"
            ) from None
        except OSError:
            pass  # then other processes cannot move files here, either
        yield


@contextmanager
def _locked(path: Path, *, is_shared: bool) -> Iterator[None]:
    descriptor = open_data_file(path.with_name("store.lock"), os.O_RDONLY | os.O_CREAT)
    with releasing(descriptor):
        lock(descriptor, _LOCK_SECONDS, is_shared=is_shared)
        yield


def damage_of(error: BaseException, engine: sa.Engine) -> str | None:
    """Describe the damage to the store's content that caused this error; None if it has another cause."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code = getattr(cause, "sqlite_errorcode", None)
    broken = isinstance(cause, OldStoreError | NotRegularError)
    broken |= code is not None and (code & 0xFF in _BROKEN or code == sqlite3.SQLITE_IOERR_SHORT_READ)
    if broken:
        return str(cause)
    if isinstance(cause, sqlite3.OperationalError | ReplacedError):
        return None  # locked, full or read-only; or another process has moved it already
    # A damaged file may still be readable, with rows that were never written.
    return find_damage(engine)


def move_aside(path: Path, seen: Hashable) -> Path | None:
    """Rename the store's files; return the new path.

    None if the store is no longer the one that was ``seen``: another process has moved it. Raises OSError.
    """
    aside = path.with_name(f"{path.name}.broken-{secrets.token_hex(4)}")
    with _locked(path, is_shared=False):
        if _identify(path) != seen:
            return None
        for suffix in (*_BESIDE, ""):
            with suppress(FileNotFoundError):
                os.rename(f"{path}{suffix}", f"{aside}{suffix}")
    return aside
