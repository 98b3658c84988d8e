"""Writes files in one step: a reader sees the old content or the new one, never a part of either."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

from .data_files import FILE_MODE


def replace_file(path: Path | str, content: bytes) -> None:
    """Write ``content`` to ``path`` in one step, so that a reader sees the old file or the new one, never a half.

    Missing folders are created. A new file gets the permissions that the umask leaves, an old one keeps its own; a
    symbolic link stays, and its target is replaced. A device or a pipe cannot be replaced, so it is written to.
    Raises OSError; the old file is intact then, and no temporary file is left.
    """
    mode = _mode(Path(path))
    if mode is not None and not stat.S_ISREG(mode):
        Path(path).write_bytes(content)
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name[:100]}.{secrets.token_hex(8)}.tmp")
    _replace(temporary, target, content, 0o666, mode)


def replace_data_file(path: Path, content: bytes) -> None:
    """Write ``content`` to a file of the data directory in one step. A symbolic link at ``path`` is itself replaced.

    Raises OSError; the old file is intact then, and no temporary file is left.
    """
    _replace(temporary_beside(path), path, content, FILE_MODE, None)


def temporary_beside(path: Path) -> Path:
    """Return an unpredictable path in the same folder, for a file that will replace the one at ``path``."""
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


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return None
