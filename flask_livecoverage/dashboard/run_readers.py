"""The readers of the data directory's runs: that of the live run, and of a few others that pages have asked for."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ..errors import DataError
from ..journal.data_dir import DataDir
from ..journal.run_folder import RunFolder
from ..queries.run_list import RunSummary
from .change import Changes
from .run_comparison import RunComparisons
from .run_list import RunSummaries
from .run_reader import Answer, Config, RunReader, soon
from .tests_to_run import TestFinder

# Each holds the figures of a run in memory, and a transaction of the store.
_MOST_OTHERS = 2


class NoSuchRun(DataError):
    """Raised for the id of a run that is not in the data directory."""


class RunReaders:
    """Opens the readers of runs on demand, and closes those that were not used for longest."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self.live = RunReader(config)
        self.directory = DataDir(self.live.folder.path.parent.parent)
        self._summaries = RunSummaries(self.directory, self.live.store, self.live.analyser)
        self.comparisons = RunComparisons(self.directory.find, self.live.store)
        self.changes = Changes(self.directory, self.live.store)
        self.tests_to_run = TestFinder(self.directory, config.store, config.affected_ignore)
        self._lock = threading.Lock()
        # By id, the last used at the end; the number of pages that use each now.
        self._others: dict[str, RunReader] = {}
        self._users: dict[str, int] = {}

    @contextmanager
    def use(self, run_id: str | None) -> Iterator[RunReader]:
        """The reader of a run, open until the end of the block at least; None stands for the live run.

        Raises NoSuchRun.
        """
        if run_id is None or run_id == self.live.folder.id:
            yield self.live
            return
        reader = self._take(run_id)
        try:
            yield reader
        finally:
            with self._lock:
                self._users[run_id] -= 1
            self._close_surplus(_MOST_OTHERS)

    def folder(self, run_id: str) -> RunFolder:
        """Return the folder of a run. Looked for each time, because runs are removed. Raises NoSuchRun."""
        folder = self.directory.find(run_id)
        if folder is None or not folder.journals():
            raise NoSuchRun(f"there is no run {run_id!r} in {self.directory.path}: it may have been removed")
        return folder

    def _take(self, run_id: str) -> RunReader:
        try:
            folder = self.folder(run_id)
        except NoSuchRun:
            self._close_surplus(0, run_id)
            raise
        with self._lock:
            reader = self._others.pop(run_id, None) or RunReader(self._config, folder)
            self._others[run_id] = reader
            self._users[run_id] = self._users.get(run_id, 0) + 1
        return reader

    def _close_surplus(self, most: int, *only: str) -> None:
        """Close the readers that no page uses, least recently used first, until ``most`` are left."""
        with self._lock:
            unused = [run_id for run_id in only or self._others if run_id in self._others and not self._users[run_id]]
            surplus = unused if only else unused[: max(0, len(self._others) - most)]
            closing = [self._others.pop(run_id) for run_id in surplus]
            for run_id in surplus:
                del self._users[run_id]
        for reader in closing:
            reader.close()

    def summaries(self) -> Answer[Sequence[RunSummary]]:
        """Return the summaries of all runs, newest first. Raises NotReady, LiveCoverageError."""
        return soon(self._summaries.background)

    def release_store(self) -> None:
        """Release the store until the next page is requested, and close the readers of other runs."""
        self.live.release_store()
        self.comparisons.clear()
        self.changes.clear()
        self.tests_to_run.clear()
        self._close_surplus(0)

    def close(self) -> None:
        """Close all readers."""
        self._close_surplus(0)
        self.live.close()
