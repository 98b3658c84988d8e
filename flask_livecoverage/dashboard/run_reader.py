"""Reads a run for the pages: snapshots and comparisons, brought up to date in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ..control.dashboard_host.events import stamp
from ..errors import DataError
from ..journal.run_folder import RunFolder
from ..queries.counted_lines import statements_of
from ..queries.gaps import Priorities
from ..queries.lists import Group, RouteList, list_routes, list_tests
from ..queries.recorded_suite import recorded_suite
from ..queries.redundancy import SuiteComparison, compare_suite
from ..sources.coveragepy import StatementAnalyser
from ..store import RunQueries, StoreHandle, identify, store_url
from .aggregator import Aggregator, StoredPeriod
from .background import Background, Progress
from .held_store import HeldStore
from .ranking import find_priorities
from .snapshot import Snapshot
from .source_versions import PresentVersions, RecordedVersions, SourceVersions

By = Literal["test", "request"]
_T = TypeVar("_T")

# A page waits this long to be up to date, which is mostly enough; otherwise, it is loaded again when all is ready.
_PATIENCE_SECONDS = 0.06
_WORK_SECONDS = 600.0


@dataclass(frozen=True)
class Config:
    """Configuration of the dashboard process: ``run`` is the run's folder, ``store`` the setting LIVECOVERAGE_STORE.

    ``source_files`` are all files that coverage.py's configuration selects, executed or not. ``affected_ignore`` is the
    setting LIVECOVERAGE_AFFECTED_IGNORE.
    """

    run: str
    store: str | None
    url_prefix: str
    source_files: Sequence[str] = ()
    affected_ignore: Sequence[str] = ()


@dataclass(frozen=True)
class Answer(Generic[_T]):
    """Content for a page; ``is_current`` is whether it includes all that is recorded."""

    content: _T
    is_current: bool


@dataclass(frozen=True)
class Listed(Generic[_T]):
    """A table that takes long to make, and the snapshot it was made from."""

    snapshot: Snapshot
    content: _T


class NotReady(Exception):
    """Raised while the content of a page is still being computed; the message describes the progress."""


class RunReader:
    """Reads one run: the one that the server of ``config`` records, since its last reset, or the whole of ``other``."""

    def __init__(self, config: Config, other: RunFolder | None = None) -> None:
        self.is_live = other is None
        self.folder = RunFolder(Path(config.run)) if other is None else other
        self._store_url = store_url(self.folder.path.parent.parent, config.store)
        self.store = StoreHandle(self._store_url, is_own=not config.store)
        self.analyser = StatementAnalyser()
        present = PresentVersions(config.source_files, self.analyser)
        versions: SourceVersions = present if other is None else RecordedVersions(self.analyser)
        self._aggregator = Aggregator(versions, self.analyser)
        self._held_stores = Background(self._read, self._state)
        # The newest, which this object holds until it is closed.
        self._newest: HeldStore | None = None
        self._is_closed = False
        self._swapping = threading.Lock()
        self._tests = Background(self._list_tests, self._state)
        self._routes = Background(self._list_routes, self._state)
        self._priorities = Background(self._find_priorities, self._state)
        self._redundant = {by: Background(partial(self._compare, by), self._state) for by in ("test", "request", None)}

    def close(self) -> None:
        """Close the store."""
        self._is_closed = True
        self.release_store()
        self.store.close()

    def release_store(self) -> None:
        """Release the store until the next page is requested. It cannot be updated in place while it is held."""
        if self._newest is not None:
            self._keep(None)
            self._held_stores.invalidate()

    def _keep(self, held: HeldStore | None) -> None:
        """Hold ``held`` in place of the one before."""
        with self._swapping:
            before, self._newest = self._newest, held
        if before is not None:
            before.release()

    def _state(self) -> Hashable:
        """Return a value that changes when the server's processes write, or when the store is removed."""
        return stamp(self.folder), identify(self._store_url)

    def hold(self) -> Answer[HeldStore]:
        """Return the newest snapshot that is available soon, and the store of that moment, held for the caller.

        Raises NotReady if there is none, LiveCoverageError for a failure.
        """
        while True:
            answer = soon(self._held_stores)
            if answer.content.hold():
                return answer
            # Closed just now, replaced by a newer one or released.
            self._held_stores.invalidate(answer.content)

    def tests(self) -> Answer[Listed[Sequence[Group]]]:
        """Return the coverage of each test; raises as :meth:`hold`."""
        return soon(self._tests)

    def routes(self) -> Answer[Listed[RouteList]]:
        """Return the coverage of each route; raises as :meth:`hold`."""
        return soon(self._routes)

    def redundant(self, by: By | None) -> Answer[Listed[SuiteComparison]]:
        """Return the tests or requests that execute no lines of their own; raises as :meth:`hold`."""
        return soon(self._redundant[by])

    def priorities(self) -> Answer[Listed[Priorities]]:
        """Return the routes with the most urgent gaps; raises as :meth:`hold`."""
        return soon(self._priorities)

    @contextmanager
    def recorded(self, held: HeldStore) -> Iterator[RunQueries]:
        """Queries of the store's content in ``held``. Raises LiveCoverageError if it cannot be read."""
        with self.store.use(), held.recorded() as queries:
            yield queries

    def _read(self, report: Progress) -> HeldStore:
        version = stamp(self.folder)
        with self.store.use() as store, ExitStack() as stack:
            if not self.is_live and not self.folder.journals():
                raise removed_run(self.folder.id)
            run = store.sync(self.folder, lambda done, total: report(f"Reading the records: {done / total:.0%}"))
            period = StoredPeriod(store.identity, run, len(self.folder.marks()) if self.is_live else None)
            queries = stack.enter_context(store.recorded([run], period=period.number))
            snapshot = self._aggregator.update(store, queries, period, version, report)
            held = HeldStore(snapshot, queries, stack.pop_all())
        self._keep(held)
        if self._is_closed:
            # It was closed while this thread worked.
            self.release_store()
        return held

    # The following take long, so they do not read from the held store, which pages wait for.

    def _list_tests(self, _report: Progress) -> Listed[Sequence[Group]]:
        snapshot = self._finished_snapshot()
        with self._reading(snapshot) as queries:
            return Listed(snapshot, list_tests(queries, select=statements_of(snapshot.by_path)))

    def _list_routes(self, _report: Progress) -> Listed[RouteList]:
        snapshot = self._finished_snapshot()
        with self._reading(snapshot) as queries:
            return Listed(snapshot, list_routes(queries, select=statements_of(snapshot.by_path)))

    def _find_priorities(self, _report: Progress) -> Listed[Priorities]:
        snapshot = self._finished_snapshot()
        with self._reading(snapshot) as queries:
            return Listed(snapshot, find_priorities(queries, snapshot))

    def _compare(self, by: By | None, _report: Progress) -> Listed[SuiteComparison]:
        snapshot = self._finished_snapshot()
        with self._reading(snapshot) as queries:
            return Listed(snapshot, compare_suite(recorded_suite(queries, by)))

    @contextmanager
    def _reading(self, snapshot: Snapshot) -> Iterator[RunQueries]:
        with self.store.use() as store, store.recorded([snapshot.run], period=snapshot.period) as queries:
            yield queries

    def _finished_snapshot(self) -> Snapshot:
        held, _ = self._held_stores.get(_WORK_SECONDS)
        if held is None:
            raise DataError("the records could not be read in time: reload the page")
        return held.snapshot


def existing_run(find: Callable[[str], RunFolder | None], run_id: str) -> RunFolder:
    """Return the folder that ``find`` finds of a run that was chosen before. Raises DataError if it is gone."""
    folder = find(run_id)
    if folder is None:
        raise removed_run(run_id)
    return folder


def removed_run(run_id: str) -> DataError:
    """Return the error for a run that was removed since it was chosen."""
    return DataError(f"the run {run_id} was removed: choose another one")


def soon(work: Background[_T]) -> Answer[_T]:
    """Return what ``work`` makes, if it is ready soon. Raises NotReady, LiveCoverageError for a failure."""
    result, is_current = work.get(_PATIENCE_SECONDS)
    if result is None:
        raise NotReady(work.progress or "Comparing the records")
    return Answer(result, is_current)
