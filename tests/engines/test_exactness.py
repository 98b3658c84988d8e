"""Tests of engines under load: the lines of concurrent requests are exactly those of each one run alone.

Tests ``engines.locations`` and ``engines.monitoring``.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from types import CodeType
from typing import Any

import pytest

from flask_livecoverage.engines import Engine, choose_engine
from flask_livecoverage.sources.selection import Sources
from tests.engines.exactness.harness import SWITCH_INTERVALS, count_wrong, faulty_engine, load_program, make_requests

from .conftest import locations_of

needs_monitoring = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the monitoring engine needs sys.monitoring, new in Python 3.12"
)

# For each of six combinations of program and switch interval.
REQUESTS, THOROUGH_REQUESTS = 3_500, 35_000


def _wrong(engine: Engine, folder: Path, seed: int, switch_interval: float, *, count: int = REQUESTS) -> int:
    requests = make_requests(load_program(folder / f"program_{seed}.py", seed))
    engine.start()
    try:
        return count_wrong(engine, requests, count=count, switch_interval=switch_interval, seed=seed)
    finally:
        engine.stop()


@pytest.mark.promise
@pytest.mark.parametrize(("seed", "switch_interval"), list(itertools.product((100, 101), SWITCH_INTERVALS)))
def test_concurrent_requests_are_exact(
    engine_name: str, tmp_path: Path, seed: int, switch_interval: float, thorough: bool
) -> None:
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    count = THOROUGH_REQUESTS if thorough else REQUESTS
    assert _wrong(engine, tmp_path, seed, switch_interval, count=count) == 0


@needs_monitoring
def test_harness_finds_rearming_in_two_steps(tmp_path: Path) -> None:
    engine = faulty_engine("two-step-rearm", Sources([str(tmp_path)]))
    # A race: on a busy machine, one round of requests may all win it. The test above makes six rounds.
    assert any(_wrong(engine, tmp_path, seed, 1e-6) for seed in range(101, 107))


@pytest.fixture
def tool_id() -> Iterator[int]:
    """A taken tool id of ``sys.monitoring``."""
    sys.monitoring.use_tool_id(5, "test")
    yield 5
    sys.monitoring.free_tool_id(5)


@needs_monitoring
def test_location_stays_armed_for_a_newcomer(tool_id: int, tmp_path: Path) -> None:
    """Force the race that the epoch decides: a capture enters the code while a line of it is about to be disabled."""
    from flask_livecoverage.engines.file_decisions import FileDecisions
    from flask_livecoverage.engines.locations import Locations

    code: CodeType = load_program(tmp_path / "program_0.py", 0).recurse.__code__
    handle: ContextVar[Any] = ContextVar("handle", default=None)
    locations = Locations(tool_id, handle, FileDecisions(Sources([str(tmp_path)])))
    locations.discover(code)

    class Newcomer(dict[int, bytearray]):
        """Another thread's lines: it enters the code just after its lines were checked."""

        def get(self, key: int, default: Any = None) -> Any:
            value = super().get(key, default)
            locations.visit(self, code)
            return value

    # Repeated until the code is hot.
    before = next(filter(None, (locations.on_line(code, code.co_firstlineno) for _ in range(100))))
    locations.dirty.clear()
    locations.enter(Newcomer())
    during = locations.on_line(code, code.co_firstlineno)
    locations.release([])

    assert before is sys.monitoring.DISABLE
    assert during is None


@needs_monitoring
def test_without_the_gil_nothing_is_disabled(tmp_path: Path) -> None:
    """The callbacks of a free-threaded build, run here with the GIL."""
    from flask_livecoverage.engines.locations import UnsharedLocations
    from flask_livecoverage.engines.monitoring import MonitoringEngine

    engine = MonitoringEngine(Sources([str(tmp_path)]), UnsharedLocations)
    assert _wrong(engine, tmp_path, 101, 1e-4) == 0
    assert locations_of(engine).dirty == {}
    assert locations_of(engine).off == {}


@needs_monitoring
def test_free_threaded_build(monkeypatch: pytest.MonkeyPatch) -> None:
    from flask_livecoverage.engines.locations import UnsharedLocations
    from flask_livecoverage.engines.monitoring import fastest_locations

    monkeypatch.setattr(sys, "_is_gil_enabled", lambda: False, raising=False)
    assert fastest_locations() is UnsharedLocations
