"""Removes runs, from the store and from the disk."""

from __future__ import annotations

from collections.abc import Iterable

from ..journal.data_dir import DataDir
from ..journal.retention import is_live, remove
from ..journal.run_folder import RunFolder
from ..store import open_store, store_url


def remove_runs(directory: DataDir, runs: Iterable[RunFolder], store: str | None) -> list[RunFolder]:
    """Remove ``runs``; return those that were removed. ``store`` is the setting ``LIVECOVERAGE_STORE``.

    A run into which a process records by now stays. The store first: a run that is still on the disk would only be
    read into it again. Raises LiveCoverageError if either cannot be changed; runs that come later are not removed then.
    """
    removed = []
    with open_store(store_url(directory.path, store), is_own=not store) as opened:
        for run in runs:
            # Again, because the runs may have been chosen long ago: a person may have been asked in between.
            if is_live(run):
                continue
            opened.remove(run)
            remove(run)
            removed.append(run)
    return removed
