"""A file to which a process appends, and which stays at its path even if other programs remove or replace it.

A process that appends to a removed file sees no error. Its content exists until the file is closed, so it can be
restored. If another program truncates the file, lines are lost, which is detected too.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..model.atomic_files import temporary_beside
from ..model.data_files import open_data_file, show_use
from .format import prefix_of

try:
    from ._appended import write as write_line
except ImportError:
    write_line = os.write

_PIECE_BYTES = 1 << 18
_TAIL_BYTES = 64

# Not writable for the group, because only one process writes this file.
_MODE = 0o644

# Longer than any thread takes for a write to a file that was replaced meanwhile.
REPLACED_FILE_SECONDS = 10.0

# Lines whose loss is the loss of a record.
_RECORDS = prefix_of("request"), prefix_of("amend")


@dataclass
class _ReplacedFile:
    """A file that was replaced: lines that threads have appended since, from ``position`` on, must still be copied."""

    descriptor: int
    position: int
    until: float


class AppendFile:
    """The file at ``path``, created with ``first_line`` if it does not exist or is empty.

    Threads append with ``os.write(descriptor, ...)``, one write a line. They need no lock, but must hold a reference to
    this object meanwhile, because the file is closed with the last reference. The methods are not thread-safe. All
    raise OSError.
    """

    descriptor = -1

    def __init__(self, path: Path, first_line: bytes) -> None:
        self.path = path
        self._first_line = first_line
        self._replaced: list[_ReplacedFile] = []
        # The content at the last check: how many bytes, the last of these bytes, and how many records.
        self._seen, self._tail, self._records = 0, b"", 0
        self._trusts_identity = True
        self.descriptor = _open(path)
        try:
            self._write_first_line()
        except OSError:
            os.close(self.descriptor)
            self.descriptor = -1
            raise

    def _write_first_line(self) -> None:
        if os.fstat(self.descriptor).st_size:
            return
        try:
            write_all(self.descriptor, self._first_line)
        except OSError:
            # Readers skip a journal whose first line is torn.
            with suppress(OSError):
                os.ftruncate(self.descriptor, 0)
            raise

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        # Not earlier, because a thread might still write to this number, which another file may have by then.
        for descriptor in (self.descriptor, *(old.descriptor for old in self._replaced)):
            if descriptor >= 0:
                _close(descriptor)

    # Removal

    def is_in_place(self) -> bool:
        """Return whether the path names this file."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return not self._trusts_identity or os.path.samestat(found, os.fstat(self.descriptor))

    def restore(self) -> None:
        """Create the file again at its path, whose folder exists, with all that was written."""
        self._replace(b"", b"")
        # On a file system whose inode numbers change, only a missing path shows the removal.
        self._trusts_identity = os.path.samestat(os.lstat(self.path), os.fstat(self.descriptor))
        self.drain()

    def _replace(self, before: bytes, after: bytes) -> None:
        """Replace the file at the path by its content between these texts. Readers see the old state or the new one."""
        temporary = temporary_beside(self.path.with_name(f"marks.{self.path.stem}"))
        new = open_data_file(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, _MODE)
        old = None
        try:
            show_use(new)
            write_all(new, before)
            position = 0
            for lines in _whole_lines(self.descriptor, 0):
                write_all(new, lines)
                position += len(lines)
            write_all(new, after)
            old = os.dup(self.descriptor)
            os.rename(temporary, self.path)
        except OSError:
            if old is not None:
                os.close(old)
            with suppress(OSError):
                os.unlink(temporary)
            os.close(new)
            raise
        # Atomic for the threads that append, because the number stays the same, and refers to the new file now.
        os.dup2(new, self.descriptor, inheritable=False)
        os.close(new)
        self._replaced.append(_ReplacedFile(old, position, time.monotonic() + REPLACED_FILE_SECONDS))

    def drain(self) -> None:
        """Copy the lines that were appended to a file while it was replaced."""
        for old in list(self._replaced):
            for lines in _whole_lines(old.descriptor, old.position):
                written = os.write(self.descriptor, lines)
                # A line that was torn is written again.
                old.position += lines.rfind(b"\n", 0, written) + 1
                if written < len(lines):
                    raise _no_space()
            if time.monotonic() > old.until:
                self._replaced.remove(old)
                os.close(old.descriptor)

    def missing_records(self) -> int:
        """Return how many records readers cannot find, because they are in no file that has a path."""
        missing = sum(_count(lines) for old in self._replaced for lines in _whole_lines(old.descriptor, old.position))
        if not self.is_in_place():
            missing += sum(map(_count, _whole_lines(self.descriptor, 0)))
        return missing

    # Truncation

    def is_intact(self) -> bool:
        """Return whether the content of the last call is still complete."""
        size = os.fstat(self.descriptor).st_size
        start = self._seen - len(self._tail)
        if size < self._seen or os.pread(self.descriptor, len(self._tail), start) != self._tail:
            return False
        for lines in _whole_lines(self.descriptor, self._seen):
            self._note(lines)
        return True

    def repair(self, length: int) -> int:
        """Restore the header of a truncated file; return how many records are gone, at least.

        The next line is placed after as many bytes as the file had, and after ``length``: readers have stored such
        positions.
        """
        before, length = self._records, max(length, self._seen)
        remaining = b"".join(_whole_lines(self.descriptor, 0))
        gone = max(1, before - _count(remaining))
        if remaining.startswith(self._first_line):
            self._replace(b"", _filler(length - len(remaining)))
        else:
            self._replace(self._first_line + _filler(length - len(self._first_line)), b"")
        self._seen, self._tail, self._records = 0, b"", 0
        self.is_intact()
        self.drain()
        return gone

    def _note(self, lines: bytes) -> None:
        self._seen += len(lines)
        self._tail = (self._tail + lines[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        self._records += _count(lines)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND
    try:
        descriptor = open_data_file(path, flags | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        descriptor = open_data_file(path, flags)
    show_use(descriptor)
    return descriptor


def append_line(descriptor: int, line: bytes) -> None:
    """Write a ``line`` with one ``write``, as :func:`write_all` does, without releasing the GIL, where supported."""
    if write_line(descriptor, line) < len(line):
        raise _no_space()


def write_all(descriptor: int, data: bytes) -> None:
    """Write ``data`` with one ``write``. Raises OSError if not all of it was written."""
    if os.write(descriptor, data) < len(data):
        raise _no_space()


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _whole_lines(descriptor: int, position: int) -> Iterator[bytes]:
    """Yield the whole lines from ``position`` to the present end of the file (others may append faster), in pieces."""
    rest = b""
    size = os.fstat(descriptor).st_size
    while piece := os.pread(descriptor, max(0, min(_PIECE_BYTES, size - position)), position):
        position += len(piece)
        piece = rest + piece
        end = piece.rfind(b"\n") + 1
        if end:
            yield piece[:end]
        rest = piece[end:]


def _count(lines: bytes) -> int:
    return sum(map(lines.count, _RECORDS))


def _filler(length: int) -> bytes:
    """Return a line without content, of that length or slightly longer."""
    begin, end = prefix_of("gone"), b"}\n"
    return begin + b" " * (length - len(begin) - len(end)) + end
