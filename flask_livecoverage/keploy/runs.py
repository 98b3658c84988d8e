"""Finds the run that the agent reports to Keploy: that of its own process, or of a server at an address."""

from __future__ import annotations

import logging
import os
import platform

import psutil

from ..control_client import fetch_json
from ..errors import ServerError
from ..journal.data_dir import DataDir
from ..journal.run_folder import RunFolder
from ..journal.tail import Tail
from ..journal.window_switch import WindowSwitch
from ..journal.writer import Journal
from ..recording.recorder import Recorder
from .collector import Collector

logger = logging.getLogger("flask_livecoverage")

# Short, because Keploy waits for the answer to a command.
_RESPONSE_SECONDS = 5.0


class ServerUnreachable(ServerError):
    """No server answers at the expected address."""


class LocalRun:
    """The run of this process's recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._collector = Collector(Tail(recorder.run), recorder)

    def for_start(self) -> Collector:
        """The collector of this run."""
        return self._collector

    def for_end(self) -> Collector:
        """The collector of this run."""
        return self._collector

    def close(self) -> None:
        """Close the windows of tests that have not ended."""
        self._collector.end_all()


class RemoteRun:
    """The run of the server at ``status_url``; requested again after that server has ended.

    Keploy restarts the server for each test set.
    """

    def __init__(self, status_url: str) -> None:
        self._status_url = status_url
        self._collector: Collector | None = None
        self._windows: _WindowJournal | None = None

    def find(self) -> RunFolder:
        """The run into which the server records now. Raises ServerError if there is none."""
        try:
            status = fetch_json(self._status_url, timeout=_RESPONSE_SECONDS)
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ServerUnreachable(
                f"no server answers at {self._status_url} ({reason}): start it, or name it with --url"
            ) from None
        data_dir = DataDir(str(status.get("data_dir")))
        # The folder itself is created with the first record.
        if not data_dir.path.parent.is_dir():
            raise ServerError(
                f"the server records into {data_dir.path}, which does not exist on this machine: run the agent where "
                "the server runs"
            )
        return data_dir.run(str(status.get("run")))

    def for_start(self) -> Collector:
        """The collector of the run into which the server records now. Raises ServerError if there is none."""
        if self._collector is None or not _is_alive(self._collector.tail):
            run = self.find()
            if self._collector is None or run.path != self._collector.tail.folder.path:
                self.close()
                self._windows = _WindowJournal(run)
                self._collector = Collector(Tail(run), self._windows)
        return self._collector

    def for_end(self) -> Collector | None:
        """The collector of the tests that were started, even if the server has ended since."""
        return self._collector

    def close(self) -> None:
        """Close the windows of tests that have not ended."""
        if self._collector is not None and self._windows is not None:
            self._collector.end_all()
            self._windows.close()


def _is_alive(tail: Tail) -> bool:
    """Return whether any of the run's processes is alive, not counting this one."""
    return any(psutil.pid_exists(pid) for pid in tail.pids - {os.getpid()})


class _WindowJournal:
    """Opens and closes windows from outside the server's processes, in a journal of its own.

    The server's control routes could do this too, but not while all its workers are busy, and they read the whole run.
    """

    def __init__(self, run: RunFolder) -> None:
        clock = run.clock()
        self._journal = Journal(
            run.path,
            {
                "pid": os.getpid(),
                "started_at": clock.now(),
                "root": os.getcwd(),
                "engine": "none",
                "reason": "Keploy's agent: opens and closes windows",
                "branch": False,
                "python": platform.python_version(),
            },
        )
        self._switch = WindowSwitch(run, self._journal, clock)

    def open_window(self, name: str) -> None:
        self._journal.maintain()
        self._switch.open(name)

    def close_window(self) -> None:
        self._journal.maintain()
        self._switch.close()

    def flush(self) -> None:
        """Make sure that readers find the windows. The server's processes cannot be reached from here."""
        self._journal.maintain()

    def close(self) -> None:
        self._journal.close()
