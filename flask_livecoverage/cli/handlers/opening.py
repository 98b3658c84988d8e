"""Opens recorded runs, for the commands that answer questions about them."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import click

from ...journal.data_dir import DataDir
from ...journal.run_folder import RunFolder
from ...model.text import printable
from ...queries.stored_runs import StoredRuns, open_stored_runs
from ...settings import load_settings
from ...store import RunQueries, Store
from .reporting import warn

# Work that takes less shows no progress bar, which would only flash by.
PATIENCE_SECONDS = 2.0


@contextmanager
def open_recorded(data_dir: str, selection: str, *, tested: bool = False) -> Iterator[RunQueries]:
    """The recorded runs that ``selection`` names, in the store; unreadable records are reported on standard error.

    ``tested`` is for questions about tests: ``latest`` is the newest run in which something was tested.
    """
    with open_selected(data_dir, selection, tested=tested) as runs:
        yield runs.queries


@contextmanager
def open_selected(data_dir: str, selection: str, *, tested: bool = False, whole: bool = False) -> Iterator[StoredRuns]:
    """As :func:`open_recorded`, with the store.

    ``whole``: the tests that the runs left out, because no change can affect them, are read too, and reported.
    """
    directory = DataDir(data_dir)
    for path in directory.foreign_files():
        warn(f"{path}: not a file of Flask-LiveCoverage, skipped")
    folders = directory.select(selection, tested=tested, whole=whole)
    setting = load_settings({}).store
    with open_stored_runs(directory.path, folders, setting, whole=whole, synchronise=synchronise) as runs:
        for warning in runs.warnings:
            warn(warning)
        if runs.unaffected.tests:
            click.echo(f"Note: {printable(runs.unaffected.describe())}.", err=True)
        yield runs


def synchronise(store: Store, folder: RunFolder) -> int:
    """Synchronise the store with a run, with a progress bar if it takes long; return the run's number."""
    bar = _ProgressBar()
    try:
        return store.sync(folder, bar)
    finally:
        bar.finish()


class _ProgressBar:
    """A progress bar on standard error, shown when it takes longer than people wait without asking."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._stack = ExitStack()
        self._bar: Any = None
        self._shown = 0

    def __call__(self, done: int, total: int) -> None:
        if self._bar is None and done < total and time.monotonic() - self._began > PATIENCE_SECONDS:
            bar = click.progressbar(length=total, label="Reading the journals", file=sys.stderr)
            self._bar = self._stack.enter_context(bar)
        if self._bar is not None:
            self._bar.update(done - self._shown)
            self._shown = done

    def finish(self) -> None:
        self._stack.close()
