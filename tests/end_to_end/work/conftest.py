"""Fixtures of these tests."""

from __future__ import annotations

import multiprocessing.resource_tracker
import sys

import pytest


@pytest.fixture(scope="package", autouse=True)
def _resource_tracker() -> None:
    """Start the process that multiprocessing's pools start from Python 3.14 on: it outlives the tests."""
    if sys.version_info >= (3, 14):
        multiprocessing.resource_tracker.ensure_running()
