"""Where the agent finds the run that it tells Keploy about: in its own process, or at a live server's address."""

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

# Keploy waits for the answer to a command.
_ANSWER_SECONDS = 5.0


class ServerUnreachable(ServerError):
    """Nobody answers where the server should be."""


class LocalRun:
    """The run that this process's recorder takes part in."""

    def __init__(self, recorder: Recorder) -> None:
        self._collector = Collector(Tail(recorder.run), recorder)

    def to_start(self) -> Collector:
        """The tests of this run."""
        return self._collector

    def to_end(self) -> Collector:
        """The tests of this run."""
        return self._collector

    def close(self) -> None:
        """Close the windows of tests that have not ended."""
        self._collector.end_all()


class RemoteRun:
    """The run of the server at ``status_url``; asked for again when that has died.

    Keploy starts the server anew for each test set.
    """

    def __init__(self, status_url: str) -> None:
        self._status_url = status_url
        self._collector: Collector | None = None
        self._windows: _WindowJournal | None = None

    def find(self) -> RunFolder:
        """The run into which the server records now. Raises ServerError if there is none."""
        try:
            status = fetch_json(self._status_url, timeout=_ANSWER_SECONDS)
        except OSError as error:
            reason = getattr(error, "reason", error)
            raise ServerUnreachable(
                f"no server answers at {self._status_url} ({reason}): start it, or name it with --url"
            ) from None
        data_dir = DataDir(str(status.get("data_dir")))
        # The folder itself is made with the first record.
        if not data_dir.path.parent.is_dir():
            raise ServerError(
                f"the server records into {data_dir.path}, but there is no such folder here: run the agent where the "
                "server runs"
            )
        return data_dir.run(str(status.get("run")))

    def to_start(self) -> Collector:
        """The tests of the run into which the server records now. Raises ServerError if there is none."""
        if self._collector is None or not _lives(self._collector.tail):
            run = self.find()
            if self._collector is None or run.path != self._collector.tail.folder.path:
                self.close()
                self._windows = _WindowJournal(run)
                self._collector = Collector(Tail(run), self._windows)
        return self._collector

    def to_end(self) -> Collector | None:
        """The tests that were started, also when the server has ended meanwhile."""
        return self._collector

    def close(self) -> None:
        """Close the windows of tests that have not ended."""
        if self._collector is not None and self._windows is not None:
            self._collector.end_all()
            self._windows.close()


def _lives(tail: Tail) -> bool:
    """Whether any of the run's processes, apart from this one, lives."""
    return any(psutil.pid_exists(pid) for pid in tail.pids - {os.getpid()})


class _WindowJournal:
    """Opens and closes windows from outside the server's processes, by a journal of its own.

    The server's control routes could do it too, but not while all its workers are busy, and they read the whole run.
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
        """See that readers find the windows. The server's processes cannot be asked."""
        self._journal.maintain()

    def close(self) -> None:
        self._journal.close()
