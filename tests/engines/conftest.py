"""Fixtures for the tests of engines: the monitoring engine is tested both in C and in Python."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from flask_livecoverage.engines import Engine, Hits, choose_engine
from flask_livecoverage.sources.selection import Sources

from ..support.compiled import HAS_C_EXTENSION
from .program import program

if TYPE_CHECKING:
    # Needs sys.monitoring.
    from flask_livecoverage.engines.locations import Locations

# A fixture for several files.
__all__ = ["program"]


@pytest.fixture(params=["monitoring", "monitoring-in-python", "ctrace"])
def engine_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of an engine: one after the other, ``monitoring`` twice."""
    name: str = request.param
    if name == "ctrace":
        return name
    if sys.version_info < (3, 12):
        pytest.skip("the monitoring engine needs sys.monitoring, new in Python 3.12")
    if name == "monitoring":
        if not HAS_C_EXTENSION:
            pytest.skip("the C extension was not compiled")
    else:
        monkeypatch.setenv("LIVECOVERAGE_PURE_PYTHON", "1")
    return "monitoring"


@pytest.fixture
def engine(engine_name: str, tmp_path: Path) -> Iterator[Engine]:
    """The started engine."""
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    engine.start()
    yield engine
    engine.stop()


def locations_of(engine: Any) -> Locations:
    """The monitoring engine's locations, which alone show the code with disabled ones."""
    locations: Locations = engine._locations
    return locations


def captured(engine: Engine, call: Callable[[], object]) -> Hits:
    """Return the lines that ``call`` executes in a capture of its own."""
    capture = engine.begin()
    try:
        call()
    finally:
        hits = engine.end(capture)
    return hits
