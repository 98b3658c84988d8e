"""What the pages are made of: figures and comparisons, brought up to date behind them."""

from __future__ import annotations

import threading
from collections.abc import Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ..control.dashboard_host.events import stamp
from ..errors import DataError
from ..journal.run_folder import RunFolder
from ..queries.counting import statements_of
from ..queries.lists import Group, RouteList, list_routes, list_tests
from ..queries.redundancy import SuiteComparison, compare_suite
from ..queries.suites import recorded_suite
from ..sources.coveragepy import StatementCounter
from ..store import RunQueries, StoreHandle, identify, store_url
from .aggregator import Ledger, StoredPeriod
from .background import Background, Progress
from .held_store import Snapshot
from .snapshot import Figures

By = Literal["test", "request"]
_T = TypeVar("_T")

# So long may a page wait to be up to date: that is often enough, and else it comes again when all is ready.
_PATIENCE_SECONDS = 0.06
_WORK_SECONDS = 600.0


@dataclass(frozen=True)
class Config:
    """What the dashboard's process is told when it starts. ``run`` is the run's folder, ``store`` the store's setting.

    ``source_files`` are all files that coverage.py's configuration wants measured, executed or not.
    """

    run: str
    store: str | None
    url_prefix: str
    source_files: Sequence[str] = ()


@dataclass(frozen=True)
class Answer(Generic[_T]):
    """What a page is made of, and whether it tells all that is recorded."""

    content: _T
    is_current: bool


@dataclass(frozen=True)
class Listed(Generic[_T]):
    """A table that took long to make, and the figures of that time."""

    figures: Figures
    content: _T


class NotYet(Exception):
    """What a page needs is still being worked out; says how far that is."""


class RunReader:
    """Reads the run that a server records."""

    def __init__(self, config: Config) -> None:
        self.folder = RunFolder(Path(config.run))
        self._store_url = store_url(self.folder.path.parent.parent, config.store)
        self._store = StoreHandle(self._store_url, is_own=not config.store)
        self.counter = StatementCounter()
        self._ledger = Ledger(config.source_files, self.counter)
        self._snapshots = Background(self._read, self._state)
        # The newest, which this object holds until it is closed.
        self._newest: Snapshot | None = None
        self._is_closed = False
        self._swapping = threading.Lock()
        self._tests = Background(self._list_tests, self._state)
        self._routes = Background(self._list_routes, self._state)
        self._redundant = {by: Background(partial(self._compare, by), self._state) for by in ("test", "request", None)}

    def close(self) -> None:
        """Close the store."""
        self._is_closed = True
        self.rest()
        self._store.close()

    def rest(self) -> None:
        """Hold nothing of the store until the next page is asked for: it could not be brought up to date in place."""
        if self._newest is not None:
            self._keep(None)
            self._snapshots.forget()

    def _keep(self, snapshot: Snapshot | None) -> None:
        """Hold ``snapshot`` in place of the one before."""
        with self._swapping:
            before, self._newest = self._newest, snapshot
        if before is not None:
            before.release()

    def _state(self) -> Hashable:
        """What changes with what the server's processes write, and if somebody removes the store."""
        return stamp(self.folder), identify(self._store_url)

    def snapshot(self) -> Answer[Snapshot]:
        """Figures, as new as can be had soon, and the store of that moment, held for the caller.

        Raises NotYet if there are none, LiveCoverageError for a fault.
        """
        while True:
            answer = _soon(self._snapshots)
            if answer.content.hold():
                return answer
            # Closed just now, for a newer one or for a rest.
            self._snapshots.forget(answer.content)

    def tests(self) -> Answer[Listed[Sequence[Group]]]:
        """What each test executed; raises as :meth:`snapshot`."""
        return _soon(self._tests)

    def routes(self) -> Answer[Listed[RouteList]]:
        """What each route executed; raises as :meth:`snapshot`."""
        return _soon(self._routes)

    def redundant(self, by: By | None) -> Answer[Listed[SuiteComparison]]:
        """Which tests or requests execute nothing of their own; raises as :meth:`snapshot`."""
        return _soon(self._redundant[by])

    @contextmanager
    def recorded(self, snapshot: Snapshot) -> Iterator[RunQueries]:
        """What the store held when ``snapshot`` was made. Raises LiveCoverageError if it cannot be read."""
        with self._store.use(), snapshot.recorded() as recorded:
            yield recorded

    def _read(self, tell: Progress) -> Snapshot:
        version = stamp(self.folder)
        with self._store.use() as store, ExitStack() as stack:
            run = store.sync(self.folder, lambda done, total: tell(f"Reading what was recorded: {done / total:.0%}"))
            period = StoredPeriod(store.identity, run, len(self.folder.marks()))
            recorded = stack.enter_context(store.recorded([run], period=period.number))
            figures = self._ledger.update(store, recorded, period, version, tell)
            found = Snapshot(figures, recorded, stack.pop_all())
        self._keep(found)
        if self._is_closed:
            # By whoever did not wait for this.
            self.rest()
        return found

    # What follows takes long, so it does not read from the snapshot that pages wait for.

    def _list_tests(self, _tell: Progress) -> Listed[Sequence[Group]]:
        figures = self._finished_figures()
        with self._reading(figures) as recorded:
            return Listed(figures, list_tests(recorded, counting=statements_of(figures.by_path)))

    def _list_routes(self, _tell: Progress) -> Listed[RouteList]:
        figures = self._finished_figures()
        with self._reading(figures) as recorded:
            return Listed(figures, list_routes(recorded, counting=statements_of(figures.by_path)))

    def _compare(self, by: By | None, _tell: Progress) -> Listed[SuiteComparison]:
        figures = self._finished_figures()
        with self._reading(figures) as recorded:
            return Listed(figures, compare_suite(recorded_suite(recorded, by)))

    @contextmanager
    def _reading(self, figures: Figures) -> Iterator[RunQueries]:
        with self._store.use() as store, store.recorded([figures.run], period=figures.period) as recorded:
            yield recorded

    def _finished_figures(self) -> Figures:
        snapshot, _ = self._snapshots.get(_WORK_SECONDS)
        if snapshot is None:
            raise DataError("what was recorded could not be read in time: reload the page")
        return snapshot.figures


def _soon(work: Background[_T]) -> Answer[_T]:
    result, is_current = work.get(_PATIENCE_SECONDS)
    if result is None:
        raise NotYet(work.progress or "Comparing what was recorded")
    return Answer(result, is_current)
