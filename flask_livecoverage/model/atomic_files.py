"""Writes files whole or not at all, and opens none that could keep us waiting or is not what its name says."""

from __future__ import annotations

import errno
import fcntl
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

# The data directory is for its owner and group to write, as the umask allows, and never for everybody: who can write
# there decides what reports say. Others may read, as the umask allows: a container's user writes, a developer reads.
FOLDER_MODE = 0o775
FILE_MODE = 0o664

_POLL_SECONDS = 0.01

_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_WRITES = os.O_WRONLY | os.O_RDWR
# How systems refuse to open a symbolic link, or a pipe that nobody reads.
_NOT_REGULAR = {errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR}


class NotRegularError(OSError):
    """What lies at the path is no regular file: a symbolic link, say, that somebody has put there."""

    def __init__(self, path: Path | str, reason: str = "not a regular file") -> None:
        super().__init__(errno.EINVAL, reason, str(path))


def replace_file(path: Path | str, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step, so that a reader sees the old file or the new one, never a half.

    Missing folders are made. A new file gets the permissions that the umask leaves, an old one keeps its own; a
    symbolic link stays, and what it points to is replaced. A device or a pipe cannot be replaced: it is written to.
    Raises OSError; the old file is intact then, and nothing is left beside it.
    """
    mode = _mode(Path(path))
    if mode is not None and not stat.S_ISREG(mode):
        Path(path).write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    _replace(temporary, target, content, 0o666, mode)


def replace_own(path: Path, content: bytes) -> None:
    """Write ``content`` to a file of the data directory in one step, whatever lay there: a link is replaced itself.

    Raises OSError; what was there is intact then, and nothing is left beside it.
    """
    _replace(temporary_beside(path), path, content, FILE_MODE, None)


def temporary_beside(path: Path) -> Path:
    """A path in the same folder that nobody can guess, for a file that will take the place of ``path``."""
    return path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp")


def _replace(temporary: Path, target: Path, content: bytes, mode: int, kept_mode: int | None) -> None:
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "wb") as file:
            if kept_mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(kept_mode))
            file.write(content)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_own(path: Path | str, flags: int, mode: int = FILE_MODE) -> int:
    """A descriptor of a file of the data directory, opened with ``flags``, and made with ``mode`` if they say so.

    Others may be able to write there, and put something else in its place: a symbolic link is not followed, a pipe not
    waited for, and nothing is written to a file that has other names (hard links). Raises OSError, for these
    NotRegularError.
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


def open_regular(path: Path | str) -> BinaryIO:
    """Open a file of the data directory to read bytes, as :func:`open_own` does."""
    return open(open_own(path, os.O_RDONLY), "rb")


def read_own(path: Path | str) -> bytes:
    """The content of a file of the data directory. Raises OSError, as :func:`open_own` does."""
    with open_regular(path) as file:
        return file.read()


def make_own_folder(path: Path) -> None:
    """Make a folder of the data directory if it is not there.

    A symbolic link to one is good if it is ours or that of the folder's owner in which it lies (as the kernel's
    ``fs.protected_symlinks`` has it): anybody else has put it there to have us write elsewhere. Raises OSError.
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
    """Lock a file for this descriptor alone, or for all that share the lock.

    Raises TimeoutError if another process holds it for so long.
    """
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


@contextmanager
def releasing(descriptor: int) -> Iterator[None]:
    """Release the lock of :func:`lock` at the end of the block, if there is one, and close the file.

    Closing it is not enough: a process that was forked meanwhile has it open, too.
    """
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
        os.close(descriptor)


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
