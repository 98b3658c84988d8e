"""The recorded runs: what each was recorded for, and how much it covered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from ..journal.data_dir import DataDir
from ..journal.facts import read_facts
from ..journal.retention import is_live, size_of
from ..journal.run_folder import RunFolder
from ..model.outcomes import FAILED, Outcome
from ..model.run_facts import RunFacts
from ..sources.coveragepy import StatementAnalyser
from ..store import Store, open_store, store_url
from .recorded_files import recorded_files
from .stored_runs import Synchronise
from .suite_outcomes import count_tests


@dataclass(frozen=True)
class RunSummary:
    """One run. ``started_at`` is in UNIX seconds; ``duration_ms`` ends with the last request, None if there is none.

    ``failed`` counts the tests that failed, None if no outcome is known. ``executed`` and ``statements`` are None if
    the statements of some files are not known any more. ``bytes`` is the size of its folder; ``live`` is whether a
    process records into it.
    """

    id: str
    started_at: float
    duration_ms: float | None
    facts: RunFacts
    tests: int
    failed: int | None
    requests: int
    executed: int | None
    statements: int | None
    processes: int
    bytes: int
    live: bool

    @property
    def percent(self) -> float | None:
        """The share of statements that ran, in percent; None if it is not known, or nothing can run."""
        return 100 * self.executed / self.statements if self.statements and self.executed is not None else None


def list_runs(
    directory: DataDir,
    runs: Iterable[RunFolder],
    store: str | None,
    analyser: StatementAnalyser,
    synchronise: Synchronise = Store.sync,
) -> Iterator[RunSummary]:
    """The summary of each of ``runs``; ``store`` is the setting ``LIVECOVERAGE_STORE``."""
    with open_store(store_url(directory.path, store), is_own=not store) as opened:
        for run in runs:
            yield summarise_run(opened, run, analyser, synchronise)


def summarise_run(
    store: Store, folder: RunFolder, analyser: StatementAnalyser, synchronise: Synchronise = Store.sync
) -> RunSummary:
    """The summary of one run."""
    with store.recorded([synchronise(store, folder)]) as queries:
        files = recorded_files(store, queries, analyser)
        is_known = not files.unknown
        started_at, ended_at = queries.times()
        return RunSummary(
            id=folder.id,
            started_at=started_at,
            duration_ms=None if ended_at is None else round(1000 * max(0.0, ended_at - started_at), 3),
            facts=read_facts(folder),
            tests=count_tests(queries),
            failed=_count_failed(queries.outcomes),
            requests=queries.requests.count(),
            executed=files.executed if is_known else None,
            statements=files.statements if is_known else None,
            processes=queries.processes(),
            bytes=size_of(folder),
            live=is_live(folder),
        )


def _count_failed(outcomes: Mapping[str, Outcome]) -> int | None:
    return sum(outcome.outcome == FAILED for outcome in outcomes.values()) if outcomes else None
