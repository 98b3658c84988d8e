"""Keeps the contents of a run's files in the store, at the end of a command that has recorded it."""

from __future__ import annotations

from collections.abc import Iterable

from ..journal.data_dir import DataDir
from ..model.records import Run
from ..store import open_store, store_url


def keep_contents(directory: DataDir, runs: Iterable[Run], store: str | None) -> None:
    """Store the contents of the files of ``runs``, which may be edited before the store is next used.

    ``store`` is the setting ``LIVECOVERAGE_STORE``. Raises LiveCoverageError if the store cannot be written.
    """
    with open_store(store_url(directory.path, store), is_own=not store) as opened:
        for run in runs:
            opened.keep_sources(directory.run(run.id), sorted(run.contents()), run.source_files)
