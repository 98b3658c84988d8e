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
    the fields of :class:`~.model.RequestRecord`, without ``pid`` and ``window``
``amend``
    ``id`` of a request that ran more after its record was written, ``trace`` of what it ran, and while its response
    goes on the ``status`` and ``duration_ms`` that it has now
``ambient``
    ``trace`` of lines that ran outside any request
``window``
    ``name`` and ``at``: a window opens, and with an empty name the open one closes

Beside them ``marks.jsonl`` holds the marks that :meth:`RunFolder.mark` sets: up to which byte of which journal a reset
has put requests behind it. Times are UNIX seconds.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import math
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .errors import DataError
from .files import open_regular

FORMAT_VERSION = 1

logger = logging.getLogger("flask_livecoverage")


def new_run_id() -> str:
    """A run id: ids sort by the time at which they were made."""
    now = time.time()
    # Not local time: it runs backwards once a year.
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now * 1000) % 1000:03d}-{secrets.token_hex(2)}"


class Journal:
    """The file to which this process appends, made when the first line is written.

    A line that cannot be written (a full disk, say) is counted in :attr:`lost` and logged once.
    """

    def __init__(self, folder: Path, header: dict[str, Any]) -> None:
        self.token = secrets.token_hex(4)
        self.path = folder / f"journal-{self.token}.jsonl"
        self.lost = 0
        self._header = header
        self._lock = threading.Lock()
        self._lost_lock = threading.Lock()
        self._descriptor: int | None = None

    def append(self, line: str) -> bool:
        """Append ``line``, a JSON object without the newline; whether it is on disk."""
        try:
            descriptor = self._descriptor
            _write(self._open() if descriptor is None else descriptor, f"{line}\n")
        except OSError as error:
            self._lose(error)
            return False
        return True

    def append_object(self, kind: str, **fields: Any) -> bool:
        """Append an object of type ``kind``; whether it is on disk."""
        return self.append(json.dumps({"type": kind, **fields}, separators=(",", ":")))

    def close(self) -> None:
        """Close the file; a later line would open it again."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
                self._descriptor = None

    def _open(self) -> int:
        with self._lock:
            if self._descriptor is None:
                _make_run_folder(self.path.parent)
                descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
                try:
                    self._write_header(descriptor)
                except OSError:
                    os.close(descriptor)
                    raise
                self._descriptor = descriptor
            return self._descriptor

    def _write_header(self, descriptor: int) -> None:
        if os.fstat(descriptor).st_size:
            return
        try:
            _write(descriptor, json.dumps({"type": "process", "version": FORMAT_VERSION, **self._header}) + "\n")
        except OSError:
            # Behind half a header, nothing would be read.
            with suppress(OSError):
                os.ftruncate(descriptor, 0)
            raise

    def _lose(self, error: OSError) -> None:
        with self._lost_lock:
            self.lost += 1
            first = self.lost == 1
        if first:
            logger.error(
                "%s: cannot be written (%s): records are being lost, make room there or name another folder with "
                "LIVECOVERAGE_DATA_DIR",
                self.path,
                error.strerror,
            )


def _write(descriptor: int, line: str) -> None:
    data = line.encode()
    if os.write(descriptor, data) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _make_run_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    ignore = folder.parent.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


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
        """When the last of the run's processes started, in UNIX seconds; 0 if no journal tells."""
        return max(map(_start, self.journals()), default=0.0)

    def show_window(self) -> None:
        """Tell all processes of the run that a window is open."""
        _make_run_folder(self.path)
        (self.path / "marks.window").touch()

    def hide_window(self) -> None:
        """Tell all processes of the run that no window is open."""
        (self.path / "marks.window").unlink(missing_ok=True)

    def shows_window(self) -> bool:
        """Whether a process of the run has opened a window that none has closed."""
        return os.path.exists(self.path / "marks.window")

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run's marks: no other process or thread moves them meanwhile."""
        _make_run_folder(self.path)
        with open(self.path / "marks.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def mark(self, offsets: dict[str, int]) -> None:
        """Move the mark from which dumps count to ``offsets``: the name of each journal → bytes."""
        line = json.dumps({"at": time.time(), "offsets": offsets})
        with open(self.path / "marks.jsonl", "a") as marks:
            # A newline first: the rest of a line torn by a kill must not swallow this one.
            marks.write(f"\n{line}\n")

    @contextmanager
    def unmoved(self) -> Iterator[None]:
        """Hold the run's marks, if there can be any: where nothing can be written, nobody moves them."""
        try:
            lock = os.open(self.path / "marks.lock", os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError:
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def marks(self) -> list[dict[str, int]]:
        """The offsets of all marks, in their order. A line that cannot be read is named in the log."""
        path = self.path / "marks.jsonl"
        try:
            with open_regular(path) as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
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
            return started_at if math.isfinite(started_at) else 0.0
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
