"""The folder of a run: its journals, the marks of resets, the open window."""

from __future__ import annotations

import json
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from ..model.atomic_files import replace_data_file
from ..model.data_files import NotRegularError, lock, open_data_file, open_for_reading, read_data_file, releasing
from ..model.records import Window
from .clock import RunClock, known_clock, shared_clock, wall_clock
from .format import pieces
from .storage import make_run_folder, storage_error, storage_errors

# A dump that resets holds the lock until its report is written.
_LOCK_SECONDS = 30.0

logger = logging.getLogger("flask_livecoverage")


def new_run_id() -> str:
    """Return a new run id: ids sort by their time of creation."""
    now = time.time()
    # Not local time, which goes back once a year.
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime(now))
    return f"{stamp}-{int(now * 1000) % 1000:03d}-{secrets.token_hex(2)}"


class RunFolder:
    """A run on disk."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The run's id."""
        return self.path.name

    def journals(self) -> list[Path]:
        """Return the journals of the run's processes."""
        return sorted(self.path.glob("journal-*.jsonl"))

    def last_start(self) -> float:
        """Return the start time of the run's newest process, in UNIX seconds; 0 if there is none.

        It is converted to the current wall clock.
        """
        start = max(map(_started_at, self.journals()), default=0.0)
        clock = known_clock(self.path)
        if clock is None or start < clock.offset:
            return start
        return start - clock.offset + wall_clock().offset

    def last_write(self) -> float:
        """Return the time of the last write to a journal, in UNIX seconds by the file system's clock; 0 without one."""
        times = []
        for journal in self.journals():
            with suppress(OSError):
                times.append(journal.stat().st_mtime)
        return max(times, default=0.0)

    @property
    def outcomes_path(self) -> Path:
        """The file of the tests' outcomes, which may not exist."""
        return self.path / "marks.tests.jsonl"

    def outcomes_size(self) -> int:
        """Return the size of that file in bytes; 0 if there is none."""
        try:
            return os.lstat(self.outcomes_path).st_size
        except OSError:
            return 0

    def is_tested(self) -> bool:
        """Return whether a request of the run names a test, or a window was opened in it.

        The journals are searched, without parsing them, up to the first such line.
        """
        return any(map(_names_a_test, self.journals()))

    def relies_on_others(self) -> bool:
        """Return whether a session of the run left tests out, because no change since another run can affect them.

        See :mod:`.outcomes`. The file is searched, without parsing it.
        """
        try:
            return b'"unaffected":{' in read_data_file(self.outcomes_path)
        except OSError:
            return False

    def clock(self) -> RunClock:
        """Return the clock of the run's processes."""
        with suppress(OSError):
            make_run_folder(self.path)
        return shared_clock(self.path)

    def set_open_window(self, window: Window | None) -> None:
        """Write the file that shows all processes of the run which window is open; remove it if none is.

        Raises StorageError.
        """
        path = self.path / "marks.window"
        if window is None:
            with storage_errors(path, "the window is still open"):
                path.unlink(missing_ok=True)
            return
        with storage_errors(path, "no window was opened"):
            make_run_folder(self.path)
            replace_data_file(path, json.dumps({"name": window.name, "at": window.opened_at}).encode() + b"\n")

    @contextmanager
    def showing_window(self, window: Window | None) -> Iterator[None]:
        """Write this file, as :meth:`set_open_window` does; if the block raises, it is as it was before.

        That needs no room on the disk: until the block's end, the former file has a second name.
        """
        path, former = self.path / "marks.window", self.path / "marks.window.former"
        with suppress(OSError):
            former.unlink()
        with suppress(OSError):
            os.link(path, former, follow_symlinks=False)
        before = self.open_window()
        self.set_open_window(window)
        try:
            yield
        except BaseException:
            try:
                os.replace(former, path)
            except OSError:
                # There was none, or the file system knows one name for each file.
                self.set_open_window(before)
            raise
        with suppress(OSError):
            former.unlink()

    def has_open_window(self) -> bool:
        """Return whether a process of the run has opened a window that none has closed."""
        return os.path.lexists(self.path / "marks.window")

    def open_window(self) -> Window | None:
        """Return the open window; None if none is open. Its name is empty if the file cannot be read."""
        try:
            fields = json.loads(read_data_file(self.path / "marks.window"))
            return Window(str(fields["name"]), float(fields["at"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return Window("", 0.0)

    def window_locked(self, consequence: str) -> AbstractContextManager[None]:
        """Lock the open window: no other process or thread opens or closes one during the block.

        Not with the lock of the marks, which a dump holds until its report is written. Raises StorageError, which names
        this ``consequence``, if the lock is not free in time.
        """
        return self._locked_if_possible("marks.window.lock", consequence)

    @contextmanager
    def locked(self, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
        """Lock the run's marks: no other process or thread moves them during the block.

        Raises StorageError, for instance if the lock is not free within ``seconds``.
        """
        with storage_errors(self.path / "marks.lock", "nothing was reset"):
            make_run_folder(self.path)
            descriptor = self._lock("marks.lock", seconds)
        with releasing(descriptor):
            yield

    def _lock(self, name: str, seconds: float) -> int:
        """Return a descriptor that holds the lock. Raises OSError."""
        while True:
            descriptor = open_data_file(self.path / name, os.O_RDONLY | os.O_CREAT)
            try:
                lock(descriptor, seconds)
            except BaseException:
                os.close(descriptor)
                raise
            if os.fstat(descriptor).st_nlink:
                return descriptor
            # It was removed while this process waited, and others lock a new one.
            os.close(descriptor)

    def mark(self, offsets: dict[str, int]) -> None:
        """Set a mark: dumps count from these ``offsets`` on, the name of each journal → bytes.

        Raises StorageError; then no mark has been set.
        """
        line = json.dumps({"at": shared_clock(self.path).now(), "offsets": offsets})
        path = self.path / "marks.jsonl"
        with storage_errors(path, "nothing was reset"):
            # A newline first, so that this line does not become part of one that a kill has torn.
            replace_data_file(path, self.read_marks() + f"\n{line}\n".encode())

    def read_marks(self) -> bytes:
        """Return the file of marks; empty if there is none, or no regular file at its path. Raises OSError."""
        try:
            return read_data_file(self.path / "marks.jsonl")
        except (FileNotFoundError, NotRegularError):
            return b""

    def locked_if_possible(self) -> AbstractContextManager[None]:
        """Lock the run's marks, unless nothing can be written here, because then they cannot be moved either."""
        return self._locked_if_possible("marks.lock", "the requests since the last reset are unknown")

    @contextmanager
    def _locked_if_possible(self, name: str, consequence: str) -> Iterator[None]:
        try:
            descriptor = self._lock(name, _LOCK_SECONDS)
        except TimeoutError as error:
            raise storage_error(self.path / name, error, consequence) from None
        except OSError:
            yield
            return
        with releasing(descriptor):
            yield

    def marks(self) -> list[dict[str, int]]:
        """Return the offsets of all marks, in their order. A line that cannot be read is logged."""
        return [offsets for _, offsets in self._marks()]

    def mark_times(self) -> list[float]:
        """Return when each mark was set, in their order."""
        return [at for at, _ in self._marks()]

    def _marks(self) -> list[tuple[float, dict[str, int]]]:
        path = self.path / "marks.jsonl"
        try:
            with open_for_reading(path) as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        except OSError as error:
            logger.warning("%s: cannot be read (%s): resets are ignored", path, error.strerror)
            return []
        marks = []
        for line in filter(None, lines):
            try:
                mark = json.loads(line)
                offsets = {str(name): int(offset) for name, offset in mark["offsets"].items()}
                marks.append((float(mark.get("at", 0)), offsets))
            except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
                logger.warning("%s: one reset cannot be read: using the previous one", path)
        return marks

    def last_mark(self) -> dict[str, int]:
        """Return the offsets of the last mark; empty without one."""
        marks = self.marks()
        return marks[-1] if marks else {}


# The lines of a request that names a test, and of a window that opens. Quotation marks within texts are escaped.
_TEST = re.compile(rb'"test":"[^"]|\{"type":"window",[^}\n]*"name":"[^"]')


def _names_a_test(journal: Path) -> bool:
    try:
        with open_for_reading(journal) as file:
            return any(_TEST.search(data) for _, data in pieces(file))
    except OSError:
        return False


def _started_at(journal: Path) -> float:
    try:
        with open_for_reading(journal) as file:
            started_at = float(json.loads(file.readline())["started_at"])
            # JSON allows numbers that are no valid time.
            return started_at if 0 <= started_at < 1e12 else 0.0
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0
