"""Opens and closes the window of a run, for all its processes."""

from __future__ import annotations

from .clock import RunClock
from .run_folder import RunFolder
from .storage import storage_error
from .writer import Journal


class WindowSwitch:
    """Opens and closes windows with lines in ``journal``; a file beside the journals shows that one is open.

    If one of both cannot be written, neither is changed, and the methods raise StorageError.
    """

    def __init__(self, run: RunFolder, journal: Journal, clock: RunClock) -> None:
        self._run = run
        self._journal = journal
        self._clock = clock

    def open(self, name: str) -> None:
        """Open a window, closing an open one."""
        was_open = self._run.has_open_window()
        self._run.set_window_open()
        if not self._append(name):
            if not was_open:
                self._run.set_window_closed()
            raise storage_error(self._journal.path, self._journal.error, "no window was opened")

    def close(self) -> None:
        """Close the open window."""
        self._run.set_window_closed()
        if not self._append(""):
            self._run.set_window_open()
            raise storage_error(self._journal.path, self._journal.error, "the window is still open")

    def _append(self, name: str) -> bool:
        return self._journal.append_object("window", name=name, at=self._clock.now())
