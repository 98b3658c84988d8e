"""Readings of the run in which this process takes part, and resets: all that its processes have recorded."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..journal import reader
from ..model.records import Run
from ..recording.recorder import Recorder


@contextmanager
def reading(recorder: Recorder, *, reset: bool = False) -> Iterator[Run]:
    """The run since the last reset; with ``reset``, one happens when the block ends well.

    Raises StorageError where a reset cannot be written.
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
    """Move the mark from which readings count to now. Nothing is deleted. Raises StorageError."""
    recorder.flush()
    reader.reset(recorder.run)
    recorder.flush()
