"""The summaries of all runs of the data directory, kept up to date in the background."""

from __future__ import annotations

import time
from collections.abc import Hashable, Sequence
from dataclasses import replace

from ..control.dashboard_host.events import stamp
from ..journal.data_dir import DataDir
from ..journal.facts import read_facts
from ..journal.retention import is_live, size_of
from ..journal.run_folder import RunFolder
from ..model.text import stored_text
from ..queries.run_list import RunSummary, summarise_run
from ..sources.coveragepy import StatementAnalyser
from ..store import StoreHandle
from .background import Background, Progress

# A process that was killed writes nothing, so the list is checked from time to time while a page shows it.
CHECK_SECONDS = 10.0


class RunSummaries:
    """Summarises the runs in ``directory``; a run is read again only if its processes have written."""

    def __init__(self, directory: DataDir, store: StoreHandle, analyser: StatementAnalyser) -> None:
        self._directory = directory
        self._store = store
        self._analyser = analyser
        self._known: dict[str, tuple[Hashable, RunSummary]] = {}
        self.background = Background(self._list, self._state)

    def _folders(self) -> list[RunFolder]:
        """The runs, newest first, without folders whose names are no text, which no address could name."""
        runs = reversed(self._directory.runs())
        return [run for run in runs if run.journals() and run.id == stored_text(run.id, len(run.id))]

    def _state(self) -> Hashable:
        return tuple((run.id, stamp(run)) for run in self._folders()), time.monotonic() // CHECK_SECONDS

    def _list(self, report: Progress) -> Sequence[RunSummary]:
        folders = self._folders()
        known, self._known = self._known, {}
        for number, folder in enumerate(folders):
            report(f"Reading run {number + 1} of {len(folders)}")
            state = stamp(folder)
            if folder.id in known and known[folder.id][0] == state:
                summary = known[folder.id][1]
            else:
                with self._store.use() as store:
                    summary = summarise_run(store, folder, self._analyser)
            self._known[folder.id] = state, summary
        return [self._present(folder) for folder in folders]

    def _present(self, folder: RunFolder) -> RunSummary:
        """The summary with what changes although no process writes."""
        summary = self._known[folder.id][1]
        return replace(summary, facts=read_facts(folder), bytes=size_of(folder), live=is_live(folder))
