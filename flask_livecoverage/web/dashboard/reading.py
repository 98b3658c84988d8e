"""What the pages are made of: figures and comparisons, brought up to date behind them."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Generic, Literal, TypeVar

from ...coveragepy import StatementCounter
from ...errors import DataError
from ...journal import RunFolder
from ...store import KeptStore, Recorded, identify, store_url
from .background import Background, Progress
from .figures import Figures
from .ledger import Ledger, StoredPeriod
from .live import stamp
from .suites import Member, Redundant, find_redundant, list_members

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


class NotYet(Exception):
    """What a page needs is still being worked out; says how far that is."""


class RunReader:
    """Reads the run that a server records."""

    def __init__(self, config: Config) -> None:
        self.folder = RunFolder(Path(config.run))
        self._store_url = store_url(self.folder.path.parent.parent, config.store)
        self._store = KeptStore(self._store_url, is_own=not config.store)
        self.counter = StatementCounter()
        self._ledger = Ledger(config.source_files, self.counter)
        self._figures = Background(self._read, self._state)
        self._tests = Background(partial(self._list, "test"), self._state)
        self._routes = Background(partial(self._list, "route"), self._state)
        self._redundant = {by: Background(partial(self._compare, by), self._state) for by in ("test", "request", None)}

    def close(self) -> None:
        """Let go of the store."""
        self._store.close()

    def _state(self) -> Hashable:
        """What changes with what the server's processes write, and if somebody removes the store."""
        return stamp(self.folder), identify(self._store_url)

    def figures(self) -> Answer[Figures]:
        """The figures, as new as can be had soon. Raises NotYet if there are none, LiveCoverageError for a fault."""
        return _soon(self._figures)

    def tests(self) -> Answer[Sequence[Member]]:
        """What each test executed; as :meth:`figures`."""
        return _soon(self._tests)

    def routes(self) -> Answer[Sequence[Member]]:
        """What each route executed; as :meth:`figures`."""
        return _soon(self._routes)

    def redundant(self, by: By | None) -> Answer[Redundant]:
        """Which tests or requests execute nothing of their own; as :meth:`figures`."""
        return _soon(self._redundant[by])

    @contextmanager
    def recorded(self, figures: Figures) -> Iterator[Recorded]:
        """What the store holds of the run and the period of ``figures``."""
        with self._store.use() as store, store.recorded([figures.run], period=figures.period) as recorded:
            yield recorded

    def _read(self, tell: Progress) -> Figures:
        version = stamp(self.folder)
        with self._store.use() as store:
            run = store.sync(self.folder, lambda done, total: tell(f"Reading what was recorded: {done / total:.0%}"))
            period = StoredPeriod(store.identity, run, len(self.folder.marks()))
            with store.recorded([run], period=period.number) as recorded:
                return self._ledger.update(store, recorded, period, version, tell)

    def _list(self, by: Literal["test", "route"], _tell: Progress) -> Sequence[Member]:
        figures = self._finished_figures()
        with self.recorded(figures) as recorded:
            return list_members(recorded, figures, by)

    def _compare(self, by: By | None, _tell: Progress) -> Redundant:
        with self.recorded(self._finished_figures()) as recorded:
            return find_redundant(recorded, by)

    def _finished_figures(self) -> Figures:
        figures, _ = self._figures.get(_WORK_SECONDS)
        if figures is None:
            raise DataError("what was recorded could not be read in time: reload the page")
        return figures


def _soon(work: Background[_T]) -> Answer[_T]:
    result, is_current = work.get(_PATIENCE_SECONDS)
    if result is None:
        raise NotYet(work.progress or "Comparing what was recorded")
    return Answer(result, is_current)
