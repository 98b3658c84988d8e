"""Opens the store for a question about some runs, synchronised with their journals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from ..journal.data_dir import DataDir
from ..journal.run_folder import RunFolder
from ..store import RunQueries, Store, open_store, store_url
from .unaffected_tests import RecordGoneError, UnaffectedTests, in_present_contents, owners_of, recorded_in

# Synchronises a run and returns its number in the store.
Synchronise = Callable[[Store, RunFolder], int]


@dataclass(frozen=True)
class StoredRuns:
    """Some runs in the ``store``; ``warnings`` name the records that cannot be read.

    ``identity`` identifies these runs in this store, because another store has other row numbers. ``unaffected`` are
    the tests that the runs left out, if they were asked for.
    """

    store: Store
    queries: RunQueries
    warnings: Sequence[str]
    identity: Hashable
    unaffected: UnaffectedTests = field(default_factory=UnaffectedTests)


@contextmanager
def open_stored_runs(
    data_dir: Path,
    runs: Sequence[RunFolder],
    store: str | None,
    *,
    since_reset: bool = False,
    whole: bool = False,
    synchronise: Synchronise = Store.sync,
) -> Iterator[StoredRuns]:
    """The ``runs`` in ``data_dir``; ``store`` is the setting ``LIVECOVERAGE_STORE``.

    ``since_reset``: only what was recorded since the last reset of the (one) run counts. ``whole``: what the tests that
    the runs left out executed earlier is read too. Raises RecordGoneError if that of a single run is gone.
    """
    with (
        open_store(store_url(data_dir, store), is_own=not store) as opened,
        runs_in_store(opened, runs, since_reset=since_reset, whole=whole, synchronise=synchronise) as found,
    ):
        yield found


@contextmanager
def runs_in_store(
    store: Store,
    runs: Sequence[RunFolder],
    *,
    since_reset: bool = False,
    whole: bool = False,
    synchronise: Synchronise = Store.sync,
) -> Iterator[StoredRuns]:
    """As :func:`open_stored_runs`, in a ``store`` that is open."""
    # First, because nothing is written to the store while it is read.
    left_out = UnaffectedTests()
    for run in runs if whole else ():
        # Several runs together may have what one of them lacks.
        with suppress(*([RecordGoneError] if len(runs) > 1 else [])):
            left_out |= _left_out(store, run, synchronise)
    numbers = [synchronise(store, run) for run in runs]
    period = len(runs[0].marks()) if since_reset else None
    with store.recorded(numbers, period=period) as queries:
        unaffected = in_present_contents(left_out, queries)
        yield StoredRuns(store, queries, store.warnings, (store.identity, *numbers), unaffected)


def _left_out(store: Store, run: RunFolder, synchronise: Synchronise) -> UnaffectedTests:
    """The tests that a run left out, as they were recorded."""
    by_owner: dict[str, tuple[RunFolder, list[str]]] = {}
    for test, owner in owners_of(run, DataDir(run.path.parent.parent)).items():
        by_owner.setdefault(owner.id, (owner, []))[1].append(test)
    found = UnaffectedTests()
    for owner, tests in by_owner.values():
        with store.recorded([synchronise(store, owner)]) as queries:
            found |= recorded_in(queries, tests, owner, run)
    return found
