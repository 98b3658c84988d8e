"""Opens the store for a question about some runs, synchronised with their journals."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ..journal.run_folder import RunFolder
from ..store import RunQueries, Store, open_store, store_url

# Synchronises a run and returns its number in the store.
Synchronise = Callable[[Store, RunFolder], int]


@dataclass(frozen=True)
class StoredRuns:
    """Some runs in the ``store``; ``warnings`` name the records that cannot be read.

    ``identity`` identifies these runs in this store, because another store has other row numbers.
    """

    store: Store
    queries: RunQueries
    warnings: Sequence[str]
    identity: Hashable


@contextmanager
def open_stored_runs(
    data_dir: Path,
    runs: Sequence[RunFolder],
    store: str | None,
    *,
    since_reset: bool = False,
    synchronise: Synchronise = Store.sync,
) -> Iterator[StoredRuns]:
    """The ``runs`` in ``data_dir``; ``store`` is the setting ``LIVECOVERAGE_STORE``.

    ``since_reset``: only what was recorded since the last reset of the (one) run counts.
    """
    with (
        open_store(store_url(data_dir, store), is_own=not store) as opened,
        runs_in_store(opened, runs, since_reset=since_reset, synchronise=synchronise) as found,
    ):
        yield found


@contextmanager
def runs_in_store(
    store: Store, runs: Sequence[RunFolder], *, since_reset: bool = False, synchronise: Synchronise = Store.sync
) -> Iterator[StoredRuns]:
    """As :func:`open_stored_runs`, in a ``store`` that is open."""
    numbers = [synchronise(store, run) for run in runs]
    period = len(runs[0].marks()) if since_reset else None
    with store.recorded(numbers, period=period) as queries:
        yield StoredRuns(store, queries, store.warnings, (store.identity, *numbers))
