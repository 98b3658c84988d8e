"""The folder of a run: its journals, the marks of resets, the open window."""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..model.atomic_files import replace_data_file
from ..model.data_files import NotRegularError, lock, open_data_file, open_for_reading, read_data_file, releasing
from .clock import RunClock, known_clock, shared_clock, wall_clock
from .storage import changing, make_run_folder, storage_error

# A dump that resets holds the lock while its report is made.
_LOCK_SECONDS = 30.0

logger = logging.getLogger("flask_livecoverage")


def new_run_id() -> str:
    """A run id: ids sort by the time at which they were made."""
    now = time.time()
    # Not local time: it runs backwards once a year.
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
            make_run_folder(self.path)
        return shared_clock(self.path)

    def show_window(self) -> None:
        """Tell all processes of the run that a window is open. Raises StorageError."""
        with changing(self.path, "no window was opened"):
            make_run_folder(self.path)
            with suppress(FileExistsError):
                os.close(open_data_file(self.path / "marks.window", os.O_WRONLY | os.O_CREAT | os.O_EXCL))

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
            make_run_folder(self.path)
            descriptor = self._lock(seconds)
        with releasing(descriptor):
            yield

    def _lock(self, seconds: float) -> int:
        """A descriptor that holds the lock. Raises OSError."""
        while True:
            descriptor = open_data_file(self.path / "marks.lock", os.O_RDONLY | os.O_CREAT)
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
            replace_data_file(path, self.read_marks() + f"\n{line}\n".encode())

    def read_marks(self) -> bytes:
        """The file of marks; empty if there is none, or something else in its place. Raises OSError."""
        try:
            return read_data_file(self.path / "marks.jsonl")
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
            with open_for_reading(path) as file:
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
        with open_for_reading(journal) as file:
            started_at = float(json.loads(file.readline())["started_at"])
            # JSON has numbers that are no time.
            return started_at if 0 <= started_at < 1e12 else 0.0
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return 0.0
