"""Synchronises the store with the journals of a run.

It reads the journals in pieces, each in its own transaction: memory is bounded, a process that is killed leaves whole
pieces, and concurrent processes take turns. The position in a journal is stored together with the piece, so no
line is inserted twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import sqlalchemy as sa

from ...journal.format import UNREADABLE, describe_unreadable, header, objects, pieces, pop_kind, prefix_of
from ...journal.losses import describe_losses
from ...journal.run_folder import RunFolder
from ...model.data_files import open_for_reading
from .. import losses, schema
from ..dialect import storable, writing
from ..windows import WindowIntervals, last_event
from .batch import Caches, Piece, put
from .interning import run_number
from .late_updates import apply_late_updates
from .outcome_file import sync_outcomes
from .source_contents import keep_sources
from .window_events import put_events

_WINDOW = prefix_of("window")

# Called with the number of bytes of the journals that are stored so far, and with the total.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Journal:
    path: Path
    number: int
    token: str
    position: int
    end: int
    size: int


class RunSync:
    """One synchronisation of a run, which is called ``key`` in the store."""

    def __init__(self, engine: sa.Engine, folder: RunFolder, key: str, progress: Progress) -> None:
        self._reading = engine
        self._engine = writing(engine)
        self._folder = folder
        self._key = key
        self._progress = progress
        self._caches = Caches()
        self._windows = WindowIntervals()
        self._windows_from = float("inf")
        self._last_event = -1
        self.warnings: list[str] = []

    def __call__(self) -> int:
        """Synchronise the store; return the run's number."""
        run, changed = self._look()
        journals: list[_Journal] = []
        if run is None or changed:
            run, journals = self._register(changed)
        total = sum(journal.end - journal.position for journal in journals)
        done = 0
        for journal in journals:
            position = journal.position
            while position < journal.end:
                before, position = position, self._put_piece(run, journal)
                if position == before:
                    break
                done += position - before
                self._progress(done, total)
        if total:
            # Another process may have inserted the last pieces, and not have applied their late lines yet.
            with self._engine.begin() as connection:
                self._caches.begin(connection)
                apply_late_updates(connection, run, self._caches)
                keep_sources(connection, run, self._caches.versions, self._folder.last_write())
        self.warnings += sync_outcomes(self._reading, run, self._folder)
        self._warn_of_unreadable_lines(run)
        self._warn_of_losses(run)
        return run

    def _look(self) -> tuple[int | None, list[Path]]:
        """Return the run's number (None if it has none yet) and the journals whose size has changed.

        A run may have hundreds of journals, nearly all of processes that have ended.
        """
        table = schema.journals.c
        with self._reading.connect() as connection:
            named = sa.select(schema.runs.c.id).where(schema.runs.c.name == self._key)
            run: int | None = connection.execute(named).scalar()
            sizes = connection.execute(sa.select(table.token, table.size).where(table.run == run))
            known = {row.token: row.size for row in sizes}
        return run, [path for path in self._folder.journals() if _size(path) != known.get(_token(path))]

    def _register(self, changed: Iterable[Path]) -> tuple[int, list[_Journal]]:
        """Register the run and its journals, and insert the window events first, by which requests are assigned."""
        with self._engine.begin() as connection:
            self._caches.begin(connection)
            run = run_number(connection, self._key)
            journals = [journal for path in changed if (journal := self._open(connection, run, path))]
            put_events(connection, run, self._new_events(journals), self._caches)
        return run, journals

    def _open(self, connection: sa.Connection, run: int, path: Path) -> _Journal | None:
        try:
            first, end, size = _first_line_and_end(path)
        except OSError as error:
            self.warnings.append(f"{path}: cannot be read ({error.strerror}), skipped")
            return None
        if not end:
            return None  # its process has not written the first line yet
        process, problem = header(first)
        if process is None:
            self.warnings.append(f"{path}: {problem}")
            return None
        token = _token(path)
        self._caches.journals.intern(connection, [(run, token)])
        number = self._caches.journals[run, token]
        table = schema.journals
        known = table.c.id == number
        root = storable(process.root)
        about: dict[str, Any] = {"pid": process.pid, "started_at": process.started_at, "root": root}
        position = connection.execute(sa.select(table.c.position).where(known)).scalar_one()
        if end < position:
            self.warnings.append(
                f"{path}: the file is shorter than before; the lines that it has lost are still in the store"
            )
        elif end == position:
            about["size"] = size  # only an incomplete line was added
        connection.execute(sa.update(table).where(known).values(about))
        return _Journal(path, number, token, position, end, size)

    def _new_events(self, journals: Iterable[_Journal]) -> Iterable[dict[str, object]]:
        for journal in journals:
            for position, line in _window_lines(journal):
                yield {
                    "journal": journal.number,
                    "position": position,
                    "at": line["at"],
                    "name": storable(line["name"]),
                }

    def _put_piece(self, run: int, journal: _Journal) -> int:
        """Insert the next piece of a journal into the store; return the position up to which it is stored now."""
        table = schema.journals
        known = table.c.id == journal.number
        with self._engine.begin() as connection:
            self._caches.begin(connection)
            where = sa.select(table.c.position).where(known).with_for_update()
            position: int = connection.execute(where).scalar_one()
            if position >= journal.end:
                return position  # another process was faster
            data, marks = self._read(journal, position)
            piece = Piece(run, journal.number, journal.token, position, data, marks)
            unreadable = put(connection, piece, partial(self._windows_since, connection, run), self._caches)
            position += len(data)
            moved: dict[str, Any] = {"position": position, "unreadable": table.c.unreadable + unreadable}
            if position >= journal.end:
                moved["size"] = journal.size
                # In this transaction, because other processes read without synchronising once the size is stored.
                apply_late_updates(connection, run, self._caches)
            connection.execute(sa.update(table).where(known).values(moved))
        return position

    def _read(self, journal: _Journal, position: int) -> tuple[bytes, list[int]]:
        """Return the lines at ``position``, and the offsets in the journal at which periods end."""
        # Lines first, then marks, so that a reset in between lies after these lines.
        with self._folder.locked_if_possible():
            data = _read_lines(journal.path, position, journal.end)
            marks = [mark.get(journal.path.name, 0) for mark in self._folder.marks()]
        return data, sorted(marks)

    def _windows_since(self, connection: sa.Connection, run: int, moment: float) -> WindowIntervals:
        newest = last_event(connection, run)
        if newest != self._last_event or moment < self._windows_from:
            self._windows = WindowIntervals.of_run(connection, run, moment)
            self._last_event, self._windows_from = newest, moment
        return self._windows

    def _warn_of_unreadable_lines(self, run: int) -> None:
        table = schema.journals
        unreadable = sa.select(table.c.token, table.c.unreadable).where((table.c.run == run) & (table.c.unreadable > 0))
        with self._reading.connect() as connection:
            for token, count in connection.execute(unreadable):
                path = self._folder.path / f"journal-{token}.jsonl"
                self.warnings.append(describe_unreadable(path, count))

    def _warn_of_losses(self, run: int) -> None:
        table = schema.journals
        with self._reading.connect() as connection:
            numbers = connection.execute(sa.select(table.c.id).where(table.c.run == run)).scalars().all()
            warning = describe_losses(losses.of_journals(connection, numbers))
        self.warnings += filter(None, [warning])


def _token(path: Path) -> str:
    return path.stem.removeprefix("journal-")


def _size(path: Path) -> int:
    """Return the size in bytes; -1 if there is no file."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return -1


def _first_line_and_end(path: Path) -> tuple[bytes, int, int]:
    """Return the first line, the end of the last whole line (0 if there is none), and the size of the file."""
    with open_for_reading(path) as file:
        first = file.readline()
        size = file.seek(0, os.SEEK_END)
        return first, _last_newline(file, size), size


def _last_newline(file: BinaryIO, end: int) -> int:
    while end:
        start = max(0, end - (64 << 10))
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read_lines(path: Path, position: int, end: int) -> bytes:
    """Return a piece: whole lines from ``position`` on, not beyond ``end``; empty if the file was truncated."""
    with open_for_reading(path) as file:
        _, data = next(pieces(file, position, end), (position, b""))
        return data if data.endswith(b"\n") else b""


def _window_lines(journal: _Journal) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the lines that open and close windows, each with its offset, without parsing the other lines."""
    position = journal.position
    while position < journal.end:
        data = _read_lines(journal.path, position, journal.end)
        if not data:
            return
        begin = data.find(_WINDOW)
        while begin >= 0:
            end = data.index(b"\n", begin)
            for _, line in objects(data[begin:end]):
                with suppress(*UNREADABLE):  # counted when its piece is inserted
                    if pop_kind(line) == "window":
                        yield position + begin, line or {}
            begin = data.find(_WINDOW, end)
        position += len(data)
