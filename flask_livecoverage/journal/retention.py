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

    The newest run in which something was tested, and those that are being recorded, are not among them.
    """
    found = list(runs[: max(0, len(runs) - keep)])
    if not any(run.is_tested() for run in runs[len(found) :]):
        newest = next((run for run in reversed(found) if run.is_tested()), None)
        found = [run for run in found if run is not newest]
    return [run for run in found if not is_live(run)]


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
