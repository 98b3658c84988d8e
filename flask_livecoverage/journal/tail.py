"""Follows a run's journals: reads the lines since the last call, without reading the whole run again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..model.data_files import open_for_reading
from ..model.records import Trace
from .format import UNREADABLE, header, objects, pop_kind, trace_of
from .run_folder import RunFolder


@dataclass
class _Followed:
    """A journal: the byte up to which it was read, and whether this version can read it."""

    offset: int = 0
    readable: bool = True


class Tail:
    """Reads the lines that the processes of a run have written since the last :meth:`read`.

    It keeps the position of each trace in the journals, not the traces, because a long run has many, and few are used.
    """

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.pids: set[int] = set()
        self._journals: dict[Path, _Followed] = {}
        # By the trace's id: the journal, the offset of the line and its length in bytes. Several processes may have
        # written the same trace, and one of these lines may be damaged.
        self._traces: dict[str, list[tuple[Path, int, int]]] = {}

    def read(self) -> list[tuple[str, dict[str, Any]]]:
        """Return the new lines, as kind and fields, in each journal's order; traces only by :meth:`trace`.

        Only complete lines count. Lines that cannot be read are left out; :func:`~.reader.read_run` names them.
        """
        return [found for path in self.folder.journals() for found in self._read_journal(path)]

    def trace(self, trace_id: str) -> Trace | None:
        """Return a trace that was written before the last :meth:`read`; None if none was."""
        for path, offset, length in self._traces.get(trace_id, ()):
            try:
                data = _read_bytes(path, offset, length)
                return next(trace_of(line) for _, line in objects(data) if line and line.get("id") == trace_id)
            except (OSError, StopIteration, *UNREADABLE):
                continue
        return None

    def _read_journal(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        journal = self._journals.setdefault(path, _Followed())
        try:
            size = path.lstat().st_size
            if size <= journal.offset or not journal.readable:
                return
            data = _read_bytes(path, journal.offset, size - journal.offset)
        except OSError:
            return
        # A line that is being written is not included yet.
        data = data[: data.rfind(b"\n") + 1]
        begin = journal.offset
        journal.offset += len(data)
        if data and not begin:
            journal.readable = header(data.partition(b"\n")[0])[0] is not None
        if journal.readable:
            for offset, line in objects(data):
                yield from self._take(path, begin + offset, data, offset, line)

    def _take(
        self, path: Path, position: int, data: bytes, offset: int, line: dict[str, Any] | None
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        try:
            kind = pop_kind(line)
        except UNREADABLE:
            return
        assert line is not None
        if kind == "trace":
            span = path, position, data.index(b"\n", offset) + 1 - offset
            self._traces.setdefault(line["id"], []).append(span)
        else:
            if kind == "process":
                self.pids.add(line["pid"])
            yield kind, line


def _read_bytes(path: Path, offset: int, length: int) -> bytes:
    with open_for_reading(path) as file:
        file.seek(offset)
        return file.read(length)
