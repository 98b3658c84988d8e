"""Opens and locks files of the data directory, in which other users may be able to write.

Nothing that somebody else has put in place of a file can block the process, or redirect what it writes.
"""

from __future__ import annotations

import errno
import fcntl
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

# The data directory is writable for its owner and group, as the umask allows, and never for everybody, because
# whoever can write there can falsify reports. Others may read, as the umask allows: then a developer can read what a
# container's user has written.
FOLDER_MODE = 0o775
FILE_MODE = 0o664

_POLL_SECONDS = 0.01

_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITES = os.O_WRONLY | os.O_RDWR
# How systems refuse to open a symbolic link, or a pipe without a reader.
_NOT_REGULAR = {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}


class NotRegularError(OSError):
    """The path is not a regular file: it may be a symbolic link that another user has created."""

    def __init__(self, path: Path | str, reason: str = "not a regular file") -> None:
        super().__init__(errno.EINVAL, reason, str(path))


def open_data_file(path: Path | str, flags: int, mode: int = FILE_MODE) -> int:
    """Open a file of the data directory with ``flags`` and return its descriptor. ``O_CREAT`` creates it with ``mode``.

    Others may be able to write there, and put something else in its place: a symbolic link is not followed, opening
    a pipe does not block, and nothing is written to a file that has other names (hard links). Raises OSError, for
    these cases NotRegularError.
    """
    try:
        descriptor = os.open(path, flags | _SAFELY, mode)
    except OSError as error:
        if error.errno in _NOT_REGULAR:
            raise NotRegularError(path) from None
        raise
    found = os.fstat(descriptor)
    if stat.S_ISREG(found.st_mode) and not (flags & _WRITES and found.st_nlink > 1):
        return descriptor
    os.close(descriptor)
    raise NotRegularError(path, "has other names" if stat.S_ISREG(found.st_mode) else "not a regular file")


def open_for_reading(path: Path | str) -> BinaryIO:
    """Open a file of the data directory to read bytes, as :func:`open_data_file` does."""
    return open(open_data_file(path, os.O_RDONLY), "rb")


def read_data_file(path: Path | str) -> bytes:
    """Return the content of a file of the data directory. Raises OSError, as :func:`open_data_file` does."""
    with open_for_reading(path) as file:
        return file.read()


def make_data_folder(path: Path) -> None:
    """Create a folder of the data directory if it does not exist.

    A symbolic link to a folder is accepted if it belongs to this user or to the owner of the folder that contains it
    (the rule of the kernel's ``fs.protected_symlinks``), because a link of another user may redirect what is
    written. Raises OSError.
    """
    try:
        os.mkdir(path, FOLDER_MODE)
    except FileExistsError:
        found = os.lstat(path)
        if stat.S_ISLNK(found.st_mode) and found.st_uid not in (os.geteuid(), os.stat(path.parent).st_uid):
            raise NotRegularError(path, "a symbolic link of another user") from None
        if not path.is_dir():
            raise


def lock(descriptor: int, seconds: float, *, is_shared: bool = False) -> None:
    """Lock a file, exclusively or shared. Raises TimeoutError if another process still holds the lock after so long."""
    kind = fcntl.LOCK_SH if is_shared else fcntl.LOCK_EX
    ends = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() >= ends:
                raise TimeoutError(errno.ETIMEDOUT, "locked by another process") from None
        time.sleep(_POLL_SECONDS)


def show_use(descriptor: int) -> None:
    """Show other processes that this one uses a file, until it closes it or ends, however it ends.

    Where files cannot be locked, nothing shows it.
    """
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)


def is_used(path: Path | str) -> bool:
    """Return whether a process, of this machine or of a container on it, uses the file by :func:`show_use`."""
    try:
        descriptor = open_data_file(path, os.O_RDONLY)
    except OSError:
        return False
    with releasing(descriptor):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
    return False


@contextmanager
def releasing(descriptor: int) -> Iterator[None]:
    """Release the lock of :func:`lock` at the end of the block, if it is held, and close the file.

    Closing the file is not enough, because a process that was forked meanwhile has it open, too.
    """
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)
