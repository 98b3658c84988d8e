"""Reads and resets the run that this process belongs to: the records of all its processes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..journal import reader
from ..model.records import Run
from ..recording.recorder import Recorder


@contextmanager
def reading(recorder: Recorder, *, reset: bool = False) -> Iterator[Run]:
    """Yield the run since the last reset; with ``reset``, reset it when the block ends without an error.

    Raises StorageError if the reset cannot be written.
    """
    recorder.flush()
    recorder.inventory.write()
    if reset:
        with reader.reading_and_reset(recorder.run) as run:
            yield run
        recorder.flush()
    else:
        yield reader.read_run(recorder.run, since_mark=True)


def reset_run(recorder: Recorder) -> None:
    """Reset the run: later readings contain only what is recorded from now on. Raises StorageError.

    Nothing is deleted.
    """
    recorder.flush()
    reader.reset(recorder.run)
    recorder.flush()
