"""The journal: what a process records, on disk as it happens.

A run is a folder, ``<data dir>/runs/<run id>/``. Each process of the run appends to a file of its own there,
``journal-<token>.jsonl``: a JSON object a line, in ASCII, ``type`` its first key, one ``write`` each. Nothing is synced
to the disk: the operating system's page cache outlives a killed process, though not a power failure. The reader skips
and counts a torn line, and finds the line that another ``write`` put right behind it.

The kinds of lines (``type``):

``process``
    the first: ``version`` of the format, ``pid``, ``root``, ``engine`` and what else :class:`~.model.Process` holds
``sources``
    ``files``: all files that the configuration wants measured
``rules``
    ``rules``: URL rules of the applications, each ``[rule, endpoint, methods]``; in a later line those that are new
``trace``
    ``id`` and ``files``: path → ``{"content", "lines" (bitmap in hexadecimal), "arcs" (pairs, with branch coverage)}``
``request``
    the fields of :class:`~.model.RequestRecord`, without ``pid`` and ``window``; an empty ``test`` says that it is no
    test's, and in no window
``amend``
    ``id`` of a request that ran more after its record was written, ``trace`` of what it ran, and while its response
    goes on the ``status`` and ``duration_ms`` that it has now; ``ended`` of streams that last: false, and true at last
``ambient``
    ``trace`` of lines that ran outside any request
``window``
    ``name`` and ``at``: a window opens, and with an empty name the open one closes
``lost``
    ``count`` of lines about requests that could not be written since the last such line, and the ``reason``
``gone``
    nothing: it takes the place of lines that another program has cut off

Beside them lie files whose names begin with ``marks.``. ``marks.jsonl`` holds the marks that :meth:`RunFolder.mark`
sets: up to which byte of which journal a reset has put requests behind it. ``marks.window`` is there while a window is
open, ``marks.announced`` once a log has named the run, ``marks.lock`` is for a file lock, and ``marks.clock-…`` is the
clock of all processes (:mod:`~.clock`). Times are UNIX seconds by that clock.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .appended import AppendedFile, append_line
from .clock import RunClock, known_clock, shared_clock, wall_clock
from .errors import DataError
from .files import NotRegularError, lock, make_own_folder, open_own, open_regular, read_own, releasing, replace_own
from .losses import Losses
from .storage import advice, changing, describe, storage_error

FORMAT_VERSION = 1

# A dump that resets holds the lock while its report is made.
_LOCK_SECONDS = 30.0

logger = logging.getLogger("flask_livecoverage")


def new_run_id() -> str:
    """A run id: ids sort by the time at which they were made."""
    now = time.time()
    # Not local time: it runs backwards once a year.
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now * 1000) % 1000:03d}-{secrets.token_hex(2)}"


class Journal:
    """The file to which this process appends, made when the first line is written.

    A request's line that cannot be written (a full disk, say) is lost: it is counted in :attr:`losses` and told in the
    journal once that can be written. The first one is logged.
    """

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.token = secrets.token_hex(4)
        self.path = folder / f"journal-{self.token}.jsonl"
        self.losses = Losses()
        self.error: OSError | None = None
        # Another object when lines that were written may be gone: traces are written again then.
        self.content = object()
        self._header = header
        self._lock = threading.Lock()
        self._file: AppendedFile | None = None
        self._missing = False

    def append(self, line: str) -> bool:
        """Append a request's ``line``, a JSON object without the newline; whether it is on disk."""
        try:
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self.losses.add(1, describe(error))
            self._report(error)
            return False
        return True

    def append_object(self, kind: str, **fields: Any) -> bool:
        """Append an object of type ``kind``; whether it is on disk. If it is not, the caller tries again or tells."""
        try:
            line = json.dumps({"type": kind, **fields}, separators=(",", ":"))
            file = self._file or self._open()
            append_line(file.descriptor, f"{line}\n".encode())
        except OSError as error:
            self._report(error)
            return False
        self.error = None
        return True

    def look_after(self) -> None:
        """See that readers find what was written, and tell what was lost. To be called once a second, say."""
        with self._lock:
            if self._file is not None:
                try:
                    self._look_after(self._file)
                except OSError as error:
                    self._report(error)
        self._tell_losses()

    def close(self) -> None:
        """Close the file, once the threads that append to it now are done; a later line would open it again."""
        self.look_after()
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                with suppress(OSError):
                    self.losses.add(file.missing_records())

    def _open(self) -> AppendedFile:
        with self._lock:
            if self._file is None:
                _make_run_folder(self.path.parent)
                header = json.dumps({"type": "process", "version": FORMAT_VERSION, **self._header}) + "\n"
                self._file = AppendedFile(self.path, header.encode())
            return self._file

    def _look_after(self, file: AppendedFile) -> None:
        file.drain()
        if not file.is_in_place():
            self._put_back(file)
        elif not file.is_whole():
            self.content = object()
            gone = file.mend(RunFolder(self.path.parent).last_mark().get(self.path.name, 0))
            self.losses.add(gone, "cut off by another program")
            logger.error("%s: was cut off by another program: at least %d records are lost", self.path, gone)
        self._missing = False

    def _put_back(self, file: AppendedFile) -> None:
        # What ended processes wrote is gone, if it was in the same folder.
        self.content = object()
        if not self._missing:
            self._missing = True
            logger.warning("%s: was removed while it was written: putting it back from the open file", self.path)
        _make_run_folder(self.path.parent)
        file.put_back()

    def _tell_losses(self) -> None:
        count = self.losses.take()
        if not count:
            return
        if self.append_object("lost", count=count, reason=self.losses.reason):
            logger.warning("%s: tells of %d lost records (%s)", self.path, count, self.losses.reason)
        else:
            self.losses.give_back(count)

    def _report(self, error: OSError) -> None:
        first = self.error is None
        # Its frames would keep the file open.
        self.error = error.with_traceback(None)
        if first:
            logger.error(
                "%s: cannot be written (%s): records are being lost, %s or name another folder with "
                "LIVECOVERAGE_DATA_DIR",
                self.path,
                describe(error),
                advice(error),
            )


def make_data_dir(path: Path) -> None:
    """Make a data directory if it is not there; it may be a symbolic link. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_dir():
        make_own_folder(path)


def _make_run_folder(folder: Path) -> None:
    make_data_dir(folder.parent.parent)
    make_own_folder(folder.parent)
    make_own_folder(folder)
    ignore = folder.parent.parent / ".gitignore"
    if not ignore.exists():
        # Not needed for recording; the next file that is made is a new occasion.
        with suppress(OSError):
            replace_own(ignore, b"*\n")


class RunFolder:
    """A run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    def journals(self) -> list[Path]:
        """The journals of the run's processes."""
        return sorted(self.path.glob("journal-*.jsonl"))

    def last_start(self) -> float:
        """When the last of the run's processes started, in UNIX seconds by today's wall clock; 0 if none did."""
        start = max(map(_start, self.journals()), default=0.0)
        clock = known_clock(self.path)
        if clock is None or start < clock.offset:
            return start
        return start - clock.offset + wall_clock().offset

    def clock(self) -> RunClock:
        """The clock of the run's processes."""
        with suppress(OSError):
            _make_run_folder(self.path)
        return shared_clock(self.path)

    def show_window(self) -> None:
        """Tell all processes of the run that a window is open. Raises StorageError."""
        with changing(self.path, "no window was opened"):
            _make_run_folder(self.path)
            with suppress(FileExistsError):
                os.close(open_own(self.path / "marks.window", os.O_WRONLY | os.O_CREAT | os.O_EXCL))

    def hide_window(self) -> None:
        """Tell all processes of the run that no window is open. Raises StorageError."""
        with changing(self.path, "the window is still open"):
            (self.path / "marks.window").unlink(missing_ok=True)

    def shows_window(self) -> bool:
        """Whether a process of the run has opened a window that none has closed."""
        return os.path.lexists(self.path / "marks.window")

    @contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Hold the run's marks: no other process or thread moves them meanwhile.

        Raises StorageError, also if another holds them for so many ``seconds``.
        """
        with changing(self.path / "marks.lock", "nothing was reset"):
            _make_run_folder(self.path)
            descriptor = self._lock(seconds)
        with releasing(descriptor):
            yield

    def _lock(self, seconds: float) -> int:
        """A descriptor that holds the lock. Raises OSError."""
        while True:
            descriptor = open_own(self.path / "marks.lock", os.O_RDONLY | os.O_CREAT)
            try:
                lock(descriptor, seconds)
            except BaseException:
                os.close(descriptor)
                raise
            if os.fstat(descriptor).st_nlink:
                return descriptor
            # It was removed while we waited, and the others lock another one.
            os.close(descriptor)

    def mark(self, offsets: dict[str, int]) -> None:
        """Move the mark from which dumps count to ``offsets``: the name of each journal → bytes.

        Raises StorageError; the mark has not moved then.
        """
        line = json.dumps({"at": shared_clock(self.path).now(), "offsets": offsets})
        path = self.path / "marks.jsonl"
        with changing(path, "nothing was reset"):
            # A newline first: the rest of a line torn by a kill must not swallow this one.
            replace_own(path, self.read_marks() + f"\n{line}\n".encode())

    def read_marks(self) -> bytes:
        """The file of marks; empty if there is none, or something else in its place. Raises OSError."""
        try:
            return read_own(self.path / "marks.jsonl")
        except (FileNotFoundError, NotRegularError):
            return b""

    @contextmanager
    def unmoved(self) -> Iterator[None]:
        """Hold the run's marks, if there can be any: where nothing can be written, nobody moves them."""
        try:
            descriptor = self._lock(_LOCK_SECONDS)
        except TimeoutError as error:
            raise storage_error(
                self.path / "marks.lock", error, "what was recorded cannot be told by its mark"
            ) from None
        except OSError:
            yield
            return
        with releasing(descriptor):
            yield

    def marks(self) -> list[dict[str, int]]:
        """The offsets of all marks, in their order. A line that cannot be read is named in the log."""
        path = self.path / "marks.jsonl"
        try:
            with open_regular(path) as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            logger.warning("%s: cannot be read (%s): no reset counts", path, error.strerror)
            return []
        marks = []
        for line in filter(None, lines):
            try:
                marks.append({str(name): int(offset) for name, offset in json.loads(line)["offsets"].items()})
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                logger.warning("%s: a line cannot be read: the mark before it counts", path)
        return marks

    def last_mark(self) -> dict[str, int]:
        """The offsets of the last mark; empty without one."""
        marks = self.marks()
        return marks[-1] if marks else {}


def _start(journal: Path) -> float:
    try:
        with open_regular(journal) as file:
            started_at = float(json.loads(file.readline())["started_at"])
            # JSON has numbers that are no time.
            return started_at if 0 <= started_at < 1e12 else 0.0
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0


class DataDir:
    """The data directory: all runs that were recorded into it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def run(self, run_id: str) -> RunFolder:
        """The folder of a run that may not exist yet."""
        return RunFolder(self.path / "runs" / run_id)

    def runs(self) -> list[RunFolder]:
        """All runs, the one to which a process was added last at the end."""
        folder = self.path / "runs"
        if not folder.is_dir():
            return []
        runs = [RunFolder(path) for path in folder.iterdir() if path.is_dir()]
        # Not by id alone: LIVECOVERAGE_RUN may hold any name.
        return sorted(runs, key=lambda run: (run.last_start(), run.id))

    def foreign_files(self) -> list[Path]:
        """What lies among the runs and is none."""
        folder = self.path / "runs"
        return [path for path in sorted(folder.iterdir()) if not path.is_dir()] if folder.is_dir() else []

    def select(self, wanted: str) -> list[RunFolder]:
        """The runs that ``wanted`` names: an id or the beginning of one, ``latest`` or ``all``.

        Raises DataError if there are none.
        """
        runs = [run for run in self.runs() if run.journals()]
        if not runs:
            raise DataError(
                f"nothing is recorded in {self.path}: record with `flask --app APP livecov run -- COMMAND`, or name "
                "the folder with --data-dir"
            )
        if wanted == "all":
            return runs
        if wanted == "latest":
            return runs[-1:]
        found = [run for run in runs if run.id.startswith(wanted)]
        exact = [run for run in found if run.id == wanted]
        if len(exact or found) != 1:
            problem = "no run" if not found else "more than one run"
            raise DataError(f"{problem} {wanted!r} in {self.path}: choose latest, all or one of {_newest(runs)}")
        return exact or found


def _newest(runs: list[RunFolder], count: int = 5) -> str:
    return ", ".join(run.id for run in reversed(runs[-count:]))
