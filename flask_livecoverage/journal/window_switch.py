"""Opens and closes the window of a run, for all its processes."""

from __future__ import annotations

from dataclasses import replace

from ..model.records import Window
from .clock import RunClock
from .run_folder import RunFolder
from .storage import make_run_folder, storage_error, storage_errors
from .writer import Journal


class WindowSwitch:
    """Opens and closes windows with lines in ``journal``; a file beside the journals shows which one is open.

    If one of both cannot be written, neither is changed, and the methods raise StorageError. The processes take turns,
    so that the file and the latest line always agree, and each window is closed by one of them.
    """

    def __init__(self, run: RunFolder, journal: Journal, clock: RunClock) -> None:
        self._run = run
        self._journal = journal
        self._clock = clock

    def open(self, name: str) -> None:
        """Open a window, closing an open one."""
        consequence = "no window was opened"
        with storage_errors(self._run.path, consequence):
            make_run_folder(self._run.path)
        with self._run.window_locked(consequence):
            window = Window(name, self._clock.now())
            with self._run.showing_window(window):
                self._append(name, window.opened_at, consequence)

    def close(self) -> Window | None:
        """Close the open window and return it; None if none is open."""
        consequence = "the window is still open"
        with self._run.window_locked(consequence):
            window = self._run.open_window()
            if window is None:
                return None
            closed_at = self._clock.now()
            with self._run.showing_window(None):
                self._append("", closed_at, consequence)
            return replace(window, closed_at=closed_at)

    def _append(self, name: str, at: float, consequence: str) -> None:
        if not self._journal.append_object("window", name=name, at=at):
            raise storage_error(self._journal.path, self._journal.error, consequence)
