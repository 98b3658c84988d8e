"""Keeps what the processes of a run share beside their journals, when somebody removes the folder under them."""

from __future__ import annotations

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from ..model.atomic_files import replace_data_file
from .clock import RunClock, clock_path, shared_clock
from .run_folder import RunFolder

logger = logging.getLogger("flask_livecoverage")

_State = tuple[int, int, int]


class RunGuard:
    """Remembers what lies in ``run`` and puts it back; not for several threads at once.

    What another process has changed since the last look is forgotten with the folder. After a mark, the next dump would
    count from the one before it.
    """

    def __init__(self, run: RunFolder, clock: RunClock) -> None:
        self._run = run
        self._clock = clock
        self._path = run.path / "marks.jsonl"
        self._marks = b""
        self._state: _State | None = None
        self._clock_state: _State | None = None
        self._shows_window = False
        self.look_after()

    def look_after(self) -> None:
        """Put back what was removed, and remember what is there. To be called often; nothing is raised."""
        with suppress(OSError, StorageError):
            self._look_after_clock_and_window()
            self._look_after_marks()

    def _look_after_clock_and_window(self) -> None:
        # Nobody ever changes the clock. Where the window's sign alone is gone, another process has closed the window.
        removed = self._clock_state is not None and _state(clock_path(self._run.path)) != self._clock_state
        if removed and self._shows_window:
            self._run.show_window()
        if removed and self._run.path.is_dir():
            shared_clock(self._run.path, self._clock)
        self._shows_window = self._run.shows_window()
        self._clock_state = _state(clock_path(self._run.path)) or self._clock_state

    def _look_after_marks(self) -> None:
        if self._marks and _state(self._path) is None:
            logger.warning("%s: was removed: putting it back", self._path)
        elif _state(self._path) == self._state:
            return
        if self._marks:
            # Else in a second: the process waits behind us.
            with self._run.locked(seconds=0):
                # Another process may have put it back, or have set a mark in a new file.
                current = self._run.read_marks()
                if not current.startswith(self._marks):
                    replace_data_file(self._path, self._marks + current)
        self._state = _state(self._path)
        self._marks = self._run.read_marks() or self._marks


def _state(path: Path | None) -> _State | None:
    """What changes with the file; None if there is none, or something else in its place."""
    try:
        found = os.lstat(path) if path is not None else None
    except FileNotFoundError:
        return None
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
