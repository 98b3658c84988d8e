"""Writes files whole or not at all, and reads none that could keep the reader waiting."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO


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
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb") as file:
            if mode is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(mode))
            file.write(content)
        os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def open_regular(path: Path | str) -> BinaryIO:
    """Open ``path`` to read bytes.

    Raises OSError, also for what is no regular file: opening a pipe could last for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    return open(descriptor, "rb")


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
