"""Restores the files that the processes of a run share beside their journals, if the folder is removed meanwhile."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from ..model.atomic_files import replace_data_file
from ..model.records import Window
from .clock import RunClock, clock_path, shared_clock
from .run_folder import RunFolder

logger = logging.getLogger("flask_livecoverage")

_State = tuple[int, int, int]


class SharedFiles:
    """Keeps copies of the shared files of ``run`` and restores them; not thread-safe.

    A change by another process since the last call is lost with the folder. If that was a mark, the next dump counts
    from the one before it.
    """

    def __init__(self, run: RunFolder, clock: RunClock) -> None:
        self._run = run
        self._clock = clock
        self._path = run.path / "marks.jsonl"
        self._marks = b""
        self._state: _State | None = None
        self._clock_state: _State | None = None
        self._window: Window | None = None
        self.restore()

    def restore(self) -> None:
        """Restore the files that were removed, and note the present ones. To be called often; raises nothing."""
        with suppress(OSError, StorageError):
            self._restore_clock_and_window()
            self._restore_marks()

    def _restore_clock_and_window(self) -> None:
        # The clock's file never changes. If only the window's file is gone, another process has closed the window.
        removed = self._clock_state is not None and _state(clock_path(self._run.path)) != self._clock_state
        if removed and self._window is not None and not self._run.has_open_window():
            self._run.set_open_window(self._window)
        if removed and self._run.path.is_dir():
            shared_clock(self._run.path, self._clock)
        self._window = self._run.open_window()
        self._clock_state = _state(clock_path(self._run.path)) or self._clock_state

    def _restore_marks(self) -> None:
        if self._marks and _state(self._path) is None:
            logger.warning("%s: was removed: restoring it", self._path)
        elif _state(self._path) == self._state:
            return
        if self._marks:
            # Without waiting, because the flushing thread would wait too, and tries again in a second.
            with self._run.locked(seconds=0):
                # Another process may have restored it, or have set a mark in a new file.
                current = self._run.read_marks()
                if not current.startswith(self._marks):
                    replace_data_file(self._path, self._marks + current)
        self._state = _state(self._path)
        self._marks = self._run.read_marks() or self._marks


def _state(path: Path | None) -> _State | None:
    """Return a value that changes with the file; None if there is none, or no regular file at its path."""
    try:
        found = os.lstat(path) if path is not None else None
    except FileNotFoundError:
        return None
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
