"""Fixtures of these tests."""

from __future__ import annotations

import multiprocessing.resource_tracker
import sys

import pytest


@pytest.fixture(scope="package", autouse=True)
def _resource_tracker() -> None:
    """Start multiprocessing's resource tracker before the tests.

    From 3.14 on, pools start it, and it outlives the tests. Start it now, or the leak check reports it.
    """
    if sys.version_info >= (3, 14):
        multiprocessing.resource_tracker.ensure_running()
