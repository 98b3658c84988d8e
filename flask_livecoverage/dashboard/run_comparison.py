"""Compares two runs for the page that shows their difference."""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from ..control.dashboard_host.events import stamp
from ..journal.run_folder import RunFolder
from ..queries.coverage_comparison import ComparedCoverage, compare_coverage
from ..queries.recorded_coverage import CoverageReader
from ..queries.stored_runs import runs_in_store
from ..store import StoreHandle
from .background import Progress
from .kept_answers import KeptAnswers
from .run_reader import Answer, existing_run


@dataclass(frozen=True)
class Pair:
    """Two runs, by their ids: the older one first."""

    before: str
    after: str


@dataclass(frozen=True)
class ComparedRuns:
    """The difference of two runs, and the folders to which the names of their files are relative."""

    compared: ComparedCoverage
    root_before: str
    root_after: str

    def path_before(self, name: str) -> str:
        """The path of a file of the older run."""
        return os.path.normpath(os.path.join(self.root_before, name))

    def path_after(self, name: str) -> str:
        """The path of a file of the newer run."""
        return os.path.normpath(os.path.join(self.root_after, name))


class RunComparisons:
    """Compares runs in the background; ``find`` returns the folder of a run, None if it is gone."""

    def __init__(self, find: Callable[[str], RunFolder | None], store: StoreHandle) -> None:
        self._find = find
        self._store = store
        self._kept: KeptAnswers[Pair, ComparedRuns] = KeptAnswers(self._compare, self._state)

    def get(self, pair: Pair) -> Answer[ComparedRuns]:
        """Return the difference of two runs. Raises NotReady, LiveCoverageError."""
        return self._kept.get(pair)

    def clear(self) -> None:
        """Forget what was compared."""
        self._kept.clear()

    def _folder(self, run_id: str) -> RunFolder:
        return existing_run(self._find, run_id)

    def _state(self, pair: Pair) -> Hashable:
        return stamp(self._folder(pair.before)), stamp(self._folder(pair.after))

    def _compare(self, pair: Pair, report: Progress) -> ComparedRuns:
        with self._store.use() as store:
            report("Reading the older run")
            with runs_in_store(store, [self._folder(pair.before)], whole=True) as stored:
                root_before, earlier = stored.queries.root, CoverageReader(stored).read(pair.before)
            report("Reading the newer run")
            with runs_in_store(store, [self._folder(pair.after)], whole=True) as stored:
                reader = CoverageReader(stored)
                compared = compare_coverage(earlier, reader.read(pair.after), reader.read_unexecuted)
                return ComparedRuns(compared, root_before, stored.queries.root)
