"""Removes runs from the data directory, and never one that is being recorded."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from ..errors import StorageError
from ..model.data_files import is_used, open_for_reading
from .outcomes import read_outcomes
from .recorded_tests import ExistingTests, recorded_tests
from .run_folder import RunFolder
from .storage import describe

# A folder without journals may be that of a server that is starting.
_STARTUP_SECONDS = 600


def is_live(folder: RunFolder) -> bool:
    """Return whether a process records into the run, or is about to."""
    journals = folder.journals()
    if not journals:
        with suppress(OSError):
            return time.time() - folder.path.stat().st_mtime < _STARTUP_SECONDS
    return any(is_used(journal) or _is_writer_alive(journal) for journal in journals)


def _is_writer_alive(journal: Path) -> bool:
    """Return whether the process that wrote a journal is alive: where files cannot be locked, its number shows it."""
    import psutil

    try:
        with open_for_reading(journal) as file:
            pid = int(json.loads(file.readline())["pid"])
        # A process that began after the last line has been given the number of one that has ended.
        return bool(psutil.Process(pid).create_time() <= os.stat(journal).st_mtime)
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, psutil.Error):
        return False


def surplus(runs: Sequence[RunFolder], keep: int) -> list[RunFolder]:
    """Return the runs beyond the newest ``keep``, oldest first; ``runs`` are in the order of their start.

    Not among them are the newest run in which something was tested, those that hold the last records of tests
    (:func:`_last_records`), or the record of tests that a run which stays has left out, and those that are being
    recorded.
    """
    old, kept = list(runs[: max(0, len(runs) - keep)]), list(runs[max(0, len(runs) - keep) :])
    if not any(run.is_tested() for run in kept):
        newest = next((run for run in reversed(old) if run.is_tested()), None)
        if newest is not None:
            old.remove(newest)
            kept.insert(0, newest)
    if not old:
        return []
    stays = _last_records(old, kept, max(1, keep))
    relied_on = _relied_on([*stays, *kept])
    return [run for run in old if run not in stays and run.id not in relied_on and not is_live(run)]


def _relied_on(runs: Sequence[RunFolder]) -> set[str]:
    """Return the ids of the runs with the records of tests that ``runs`` have left out."""
    return {owner for run in runs if run.relies_on_others() for owner in read_outcomes(run).unaffected.values()}


def _last_records(old: Sequence[RunFolder], kept: Sequence[RunFolder], most: int) -> list[RunFolder]:
    """Return those of the ``old`` runs without which tests would have no record, at ``most`` so many.

    They are those with the most tests that no newer run has recorded. A test that does not exist any more keeps no run
    (:class:`.ExistingTests`). Without any collection, existing tests are not known: then each run stays that has more
    than twice as many tests as any newer one, a suite of which parts have run since.
    """
    # A run that is being recorded would be read each time, and has not ended its tests.
    newer = [recorded_tests(run) for run in kept if not is_live(run)]
    older = [(run, recorded_tests(run)) for run in reversed(old)]
    existing = ExistingTests(newer, [*newer, *(one for _, one in older)])
    recorded = {name for one in newer for name in one.tests}
    largest = max((len(one.tests) for one in newer), default=0)
    found: list[tuple[int, RunFolder]] = []
    for run, one in older:
        last = sum(name in existing for name in one.tests - recorded)
        if not last and not existing.collected and len(one.tests) > 2 * largest:
            last = len(one.tests)
        if last:
            found.append((last, run))
        recorded |= one.tests
        largest = max(largest, len(one.tests))
    # Of several with as many tests, the newest.
    found.sort(key=lambda one: -one[0])
    return [run for _, run in found[:most]]


def size_of(folder: RunFolder) -> int:
    """Return the size of a run's files, in bytes."""
    total = 0
    for path in folder.path.iterdir():
        with suppress(OSError):
            total += path.lstat().st_size
    return total


def remove(folder: RunFolder) -> None:
    """Remove a run from the disk. Raises StorageError."""
    try:
        shutil.rmtree(folder.path)
    except FileNotFoundError:
        pass  # another process has removed it
    except OSError as error:
        raise StorageError(f"{folder.path}: cannot be removed ({describe(error)}): remove it by hand") from error
