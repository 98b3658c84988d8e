"""A file to which a process appends, and which is where readers look for it whatever others do to its path.

A file that is removed goes on being written, into nothing: whoever has it open sees no error. But its content is still
there until it is closed, so it can be put back. And a file may be cut off from outside: that is a loss, and seen too.
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
from ..model.data_files import open_data_file
from .format import begin_of

try:
    from ._appended import write as write_line
except ImportError:
    write_line = os.write

_PIECE_BYTES = 1 << 18
_TAIL_BYTES = 64

# One process alone writes it.
_MODE = 0o644

# Longer than any thread is in the middle of a write to a file that was put back.
GRACE_SECONDS = 10.0

# Those whose loss is one.
_RECORDS = begin_of("request"), begin_of("amend")


@dataclass
class _Left:
    """A file that was put back: what other threads appended to it since, from ``position`` on, has to follow."""

    descriptor: int
    position: int
    until: float


class AppendedFile:
    """The file at ``path``, made with ``first_line`` if it is not there or empty.

    Threads append with ``os.write(descriptor, ...)``, one write a line; no lock is needed, but each holds a reference
    to this object meanwhile: the file is closed with the last one. The methods are not for several threads at once. All
    raise OSError.
    """

    descriptor = -1

    def __init__(self, path: Path, first_line: bytes) -> None:
        self.path = path
        self._first_line = first_line
        self._left: list[_Left] = []
        # What was there when it was looked at last: how many bytes, the last ones of these, and how many records.
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
            # Behind half of it, nothing would be read.
            with suppress(OSError):
                os.ftruncate(self.descriptor, 0)
            raise

    def __del__(self, _close: Callable[[int], None] = os.close) -> None:
        # Not earlier: its number may be another file's by the time that a thread writes to it.
        for descriptor in (self.descriptor, *(left.descriptor for left in self._left)):
            if descriptor >= 0:
                _close(descriptor)

    # Removed

    def is_in_place(self) -> bool:
        """Whether the path names this file."""
        try:
            found = os.lstat(self.path)
        except OSError:
            return False
        return not self._trusts_identity or os.path.samestat(found, os.fstat(self.descriptor))

    def put_back(self) -> None:
        """Make the file anew at its path, whose folder exists, with all that was written."""
        self._replace(b"", b"")
        # There may be file systems whose files change their numbers: there, only a path that is gone counts.
        self._trusts_identity = os.path.samestat(os.lstat(self.path), os.fstat(self.descriptor))
        self.drain()

    def _replace(self, before: bytes, behind: bytes) -> None:
        """Put a file with these texts around the content at the path. Readers see all of it, or the old state."""
        temporary = temporary_beside(self.path.with_name(f"marks.{self.path.stem}"))
        new = open_data_file(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND, _MODE)
        old = None
        try:
            write_all(new, before)
            position = 0
            for lines in _whole_lines(self.descriptor, 0):
                write_all(new, lines)
                position += len(lines)
            write_all(new, behind)
            old = os.dup(self.descriptor)
            os.rename(temporary, self.path)
        except OSError:
            if old is not None:
                os.close(old)
            with suppress(OSError):
                os.unlink(temporary)
            os.close(new)
            raise
        # In one step for the threads that append: the number stays the same, and means the new file now.
        os.dup2(new, self.descriptor, inheritable=False)
        os.close(new)
        self._left.append(_Left(old, position, time.monotonic() + GRACE_SECONDS))

    def drain(self) -> None:
        """Let follow what was appended to a file while it was put back."""
        for left in list(self._left):
            for lines in _whole_lines(left.descriptor, left.position):
                written = os.write(self.descriptor, lines)
                # A line that was torn is written again.
                left.position += lines.rfind(b"\n", 0, written) + 1
                if written < len(lines):
                    raise _no_space()
            if time.monotonic() > left.until:
                self._left.remove(left)
                os.close(left.descriptor)

    def missing_records(self) -> int:
        """How many records readers cannot find, because they are in no file that has a path."""
        missing = sum(_count(lines) for left in self._left for lines in _whole_lines(left.descriptor, left.position))
        if not self.is_in_place():
            missing += sum(map(_count, _whole_lines(self.descriptor, 0)))
        return missing

    # Cut off

    def is_whole(self) -> bool:
        """Whether all that was there at the last call still is."""
        size = os.fstat(self.descriptor).st_size
        start = self._seen - len(self._tail)
        if size < self._seen or os.pread(self.descriptor, len(self._tail), start) != self._tail:
            return False
        for lines in _whole_lines(self.descriptor, self._seen):
            self._saw(lines)
        return True

    def mend(self, length: int) -> int:
        """Give a file that was cut off its first line again; return how many records are gone, at least.

        What comes next is behind as many bytes as there were before, and behind ``length``: readers have noted such
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
        self.is_whole()
        self.drain()
        return gone

    def _saw(self, lines: bytes) -> None:
        self._seen += len(lines)
        self._tail = (self._tail + lines[-_TAIL_BYTES:])[-_TAIL_BYTES:]
        self._records += _count(lines)


def _open(path: Path) -> int:
    flags = os.O_RDWR | os.O_APPEND
    try:
        return open_data_file(path, flags | os.O_CREAT | os.O_EXCL, _MODE)
    except FileExistsError:
        return open_data_file(path, flags)


def append_line(descriptor: int, line: bytes) -> None:
    """Write a ``line`` with one ``write``, as :func:`write_all` does, without giving up the GIL if that can be had."""
    if write_line(descriptor, line) < len(line):
        raise _no_space()


def write_all(descriptor: int, data: bytes) -> None:
    """Write ``data`` with one ``write``. Raises OSError if not all of it was written."""
    if os.write(descriptor, data) < len(data):
        raise _no_space()


def _no_space() -> OSError:
    return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _whole_lines(descriptor: int, position: int) -> Iterator[bytes]:
    """The whole lines from ``position`` on, in pieces of many: of what is there now, since others may append faster."""
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
    """A line of that length, or a little longer, that says nothing."""
    begin, end = begin_of("gone"), b"}\n"
    return begin + b" " * (length - len(begin) - len(end)) + end
