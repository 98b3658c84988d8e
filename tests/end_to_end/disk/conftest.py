"""Disks of a few kilobytes, and servers that record onto them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from .disks import Mounts, mounts_here, mounts_in_namespace


@pytest.fixture
def mounts(tmp_path: Path) -> Iterator[Mounts]:
    """Permission to mount file systems below the test's folder: as root, or else in a new user namespace."""
    with ExitStack() as stack:
        try:
            made = stack.enter_context(mounts_here(tmp_path))
        except (OSError, subprocess.CalledProcessError) as refused:
            try:
                made = stack.enter_context(mounts_in_namespace(tmp_path))
            except (OSError, subprocess.CalledProcessError):
                pytest.skip(f"neither root nor a user namespace may mount here: {refused}")
        yield made
