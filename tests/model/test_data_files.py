"""Tests of data_files: locks end when their block does."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store.damage import held_in_place


@pytest.mark.parametrize(
    ("name", "hold"),
    [
        ("marks.lock", lambda folder: RunFolder(folder).locked()),
        ("marks.lock", lambda folder: RunFolder(folder).locked_if_possible()),
        ("store.lock", lambda folder: held_in_place(folder / "s")),
    ],
)
def test_lock_ends_although_a_forked_process_has_the_file_open(
    tmp_path: Path, name: str, hold: Callable[[Path], AbstractContextManager[None]]
) -> None:
    """A descriptor that a fork inherits is a copy like this one, and may stay open for as long as a worker lives."""
    with hold(tmp_path):
        copy = os.dup(descriptor_of(tmp_path / name))
    try:
        with (tmp_path / name).open() as other:
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(copy)


def descriptor_of(path: Path) -> int:
    """Return the descriptor with which this process has the file open."""
    (found,) = [fd.name for fd in Path("/proc/self/fd").iterdir() if fd.is_symlink() and os.readlink(fd) == str(path)]
    return int(found)
