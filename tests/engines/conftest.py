"""Here, the monitoring engine is tested in C and in Python."""

from __future__ import annotations

import sys
from collections.abc import Callable

import pytest

from flask_livecoverage.engines import Engine, Hits


@pytest.fixture(params=["monitoring", "monitoring-in-python", "ctrace"])
def engine_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn, ``monitoring`` twice."""
    name: str = request.param
    if name == "ctrace":
        return name
    if sys.version_info < (3, 12):
        pytest.skip("the monitoring engine needs sys.monitoring, new in Python 3.12")
    if name == "monitoring":
        pytest.importorskip("flask_livecoverage.engines._locations", reason="its part in C was not compiled")
    else:
        monkeypatch.setenv("LIVECOVERAGE_PURE_PYTHON", "1")
    return "monitoring"


def captured(engine: Engine, call: Callable[[], object]) -> Hits:
    """The lines that ``call`` executes in a request of its own."""
    capture = engine.begin()
    try:
        call()
    finally:
        hits = engine.end(capture)
    return hits
