"""Tests of choice, tool_ids and coveragepy's arcs: the chosen engine, and errors if it is not available."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import coverage
import pytest

from flask_livecoverage import ConfigurationError, EngineError
from flask_livecoverage.engines import choose_engine
from flask_livecoverage.sources.selection import Sources

from ..support.compiled import HAS_C_EXTENSION

VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"

needs_monitoring = pytest.mark.skipif(
    sys.version_info < (3, 12), reason="the monitoring engine needs sys.monitoring, new in Python 3.12"
)


@needs_monitoring
def test_default_in_c() -> None:
    if not HAS_C_EXTENSION:
        pytest.skip("the C extension was not compiled")
    engine, reason = choose_engine(Sources())
    assert (engine.name, reason) == ("monitoring", f"{VERSION} has sys.monitoring")


@needs_monitoring
def test_default_in_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECOVERAGE_PURE_PYTHON", "1")
    engine, reason = choose_engine(Sources())
    assert (engine.name, reason) == ("monitoring", f"{VERSION} has sys.monitoring; without the C extension")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has sys.monitoring")
def test_default_on_an_older_python() -> None:
    engine, reason = choose_engine(Sources())
    assert (engine.name, reason) == ("ctrace", f"{VERSION} has no sys.monitoring")


def test_branch_coverage_goes_through_ctrace() -> None:
    Path(".coveragerc").write_text("[run]\nbranch = true\n")
    engine, reason = choose_engine(Sources())
    assert (engine.name, engine.branch, reason) == ("ctrace", True, "branch coverage is on")


def test_forced(engine_name: str) -> None:
    engine, reason = choose_engine(Sources(), engine_name)
    in_python = engine_name == "monitoring" and os.environ.get("LIVECOVERAGE_PURE_PYTHON")
    without = "; without the C extension" if in_python else ""
    assert (engine.name, reason) == (engine_name, f"set by LIVECOVERAGE_ENGINE{without}")


def test_unknown() -> None:
    with pytest.raises(ConfigurationError, match="choose auto, monitoring or ctrace"):
        choose_engine(Sources(), "sysmon")


def test_monitoring_forced_with_branch_coverage() -> None:
    Path(".coveragerc").write_text("[run]\nbranch = true\n")
    with pytest.raises(EngineError, match=r"the monitoring engine (measures lines: set branch = False|needs)"):
        choose_engine(Sources(), "monitoring")


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python has sys.monitoring")
def test_monitoring_forced_on_an_older_python() -> None:
    with pytest.raises(EngineError, match=r"needs Python 3\.12, this is Python 3\.11: leave the engine at auto"):
        choose_engine(Sources(), "monitoring")


@needs_monitoring
def test_no_free_tool_ids() -> None:
    engine, _ = choose_engine(Sources(), "monitoring")
    taken = [tool for tool in range(6) if sys.monitoring.get_tool(tool) is None][1:]
    for tool in taken:
        sys.monitoring.use_tool_id(tool, f"tool {tool}")
    try:
        with pytest.raises(
            EngineError, match=r"in use by .*tool 5: stop one of these, or set LIVECOVERAGE_ENGINE=ctrace"
        ):
            engine.start()
    finally:
        for tool in taken:
            sys.monitoring.free_tool_id(tool)


def test_arcs_equal_those_of_coverage(
    load_module: Callable[..., ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The branches that ctrace finds in a capture are those that coverage.py finds for the same calls."""
    Path(".coveragerc").write_text("[run]\nbranch = true\n")
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    module = load_module("""
        def sign(x):
            if x > 0:
                return 1
            for i in range(x, 0):
                if i == -2:
                    break
            else:
                i = 0
            return -1 if i else 0


        def generate(n):
            while n:
                yield n
                n -= 1


        def work():
            return [sign(1), sign(-3), sign(-1), list(generate(2))]
    """)
    engine, _ = choose_engine(Sources())
    engine.start()
    capture = engine.begin()
    module.work()
    hits = engine.end(capture)
    engine.stop()
    path = str(module.__file__)
    theirs = coverage.Coverage(data_file=None, branch=True)
    with theirs.collect():
        module.work()
    expected = theirs.get_data().arcs(path)
    theirs.get_data().close(force=True)
    assert hits.arcs is not None
    assert sorted(hits.arcs[path]) == sorted(expected or ())
    assert sorted(hits[path]) == sorted({line for arc in expected or () for line in arc if line > 0})
