"""Removes runs, from the store and from the disk."""

from __future__ import annotations

from collections.abc import Iterable

from ..journal.data_dir import DataDir
from ..journal.retention import remove
from ..journal.run_folder import RunFolder
from ..store import open_store, store_url


def remove_runs(directory: DataDir, runs: Iterable[RunFolder], store: str | None) -> None:
    """Remove ``runs``; ``store`` is the setting ``LIVECOVERAGE_STORE``.

    The store first: a run that is still on the disk would only be read into it again. Raises LiveCoverageError if
    either cannot be changed; runs that come later are not removed then.
    """
    with open_store(store_url(directory.path, store), is_own=not store) as opened:
        for run in runs:
            opened.remove(run.id)
            remove(run)
