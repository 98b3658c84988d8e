"""Removes old runs when another one begins."""

from __future__ import annotations

import click

from ...errors import LiveCoverageError
from ...journal.data_dir import DataDir
from ...journal.retention import surplus
from ...model.text import counted, printable
from ...settings import load_settings
from .reporting import warn


def remove_surplus(data_dir: str) -> None:
    """Remove runs beyond ``LIVECOVERAGE_KEEP_RUNS``, before another one begins, and say so on standard error."""
    settings = load_settings({})
    directory = DataDir(data_dir)
    runs = directory.runs()
    # Fewer by one, because a run is about to begin.
    if not settings.keep_runs or len(runs) < settings.keep_runs:
        return
    found = surplus(runs, settings.keep_runs - 1)
    if not found:
        return
    # Imported here, because a server that has nothing to remove needs no store.
    from ...queries.run_removal import remove_runs

    try:
        removed = remove_runs(directory, found, settings.store)
    except LiveCoverageError as error:
        warn(f"old runs are not removed: {error}")
        return
    if removed:
        which = f"{removed[0].id} to {removed[-1].id}" if len(removed) > 1 else removed[0].id
        click.echo(
            f"Removed {counted(len(removed), 'run')} ({printable(which)}): LIVECOVERAGE_KEEP_RUNS keeps "
            f"{settings.keep_runs}",
            err=True,
        )
