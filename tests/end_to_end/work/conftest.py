"""What these tests share."""

from __future__ import annotations

import multiprocessing.resource_tracker
import sys

import pytest


@pytest.fixture(scope="package", autouse=True)
def _resource_tracker() -> None:
    """From Python 3.14 on, multiprocessing's pools start a process that lives as long as this one: not a test's."""
    if sys.version_info >= (3, 14):
        multiprocessing.resource_tracker.ensure_running()
