"""Tests of tool_ids: if another tool takes the ids or callbacks, that is reported, and measuring ends in order.

Tests ``engines.tool_ids``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from types import CodeType, ModuleType
from typing import Any

import pytest

from flask_livecoverage.engines import Engine, choose_engine
from flask_livecoverage.errors import EngineError
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import current_recorder, start_recording, stop_recording
from flask_livecoverage.settings import Settings
from flask_livecoverage.sources.selection import Sources

from ..support.polling import wait_until

# Python 3.11 has none, and all of these tests are skipped there.
monitoring: Any = getattr(sys, "monitoring", None)

Load = Callable[..., ModuleType]


@pytest.fixture(autouse=True)
def _monitoring(engine_name: str) -> None:
    if engine_name != "monitoring":
        pytest.skip("ctrace takes no tool ids")


@pytest.fixture
def others(engine_name: str) -> Iterator[list[int]]:
    """The tool ids that another tool has taken."""
    taken: list[int] = []
    yield taken
    for tool in taken:
        monitoring.register_callback(tool, monitoring.events.LINE, None)
        monitoring.set_events(tool, 0)
        monitoring.free_tool_id(tool)


def own_ids() -> list[int]:
    return [tool for tool in range(6) if monitoring.get_tool(tool) == "flask-livecoverage"]


def other_callback(code: CodeType, line: int) -> object:
    return None


def free_one(others: list[int]) -> None:
    monitoring.free_tool_id(own_ids()[0])


def free_all(others: list[int]) -> None:
    for tool in own_ids():
        monitoring.free_tool_id(tool)


def take(others: list[int]) -> None:
    for tool in own_ids():
        monitoring.free_tool_id(tool)
        monitoring.use_tool_id(tool, "another")
        monitoring.register_callback(tool, monitoring.events.LINE, other_callback)
        monitoring.set_events(tool, monitoring.events.PY_RETURN)
        others.append(tool)


def replace_callback(others: list[int]) -> None:
    for tool in own_ids():
        monitoring.register_callback(tool, monitoring.events.LINE, other_callback)


def change_events(others: list[int]) -> None:
    for tool in own_ids():
        monitoring.set_events(tool, 0)


HARM = [free_one, free_all, take, replace_callback, change_events]

PROGRAM = """
    def work(n):
        found = 0
        for i in range(n):
            found += i
        return found
"""


@pytest.mark.parametrize("harm", HARM)
def test_engine_refuses_from_then_on(load_module: Load, tmp_path: Any, others: list[int], harm: Any) -> None:
    module = load_module(PROGRAM)
    engine: Engine = choose_engine(Sources([str(tmp_path)]), "monitoring")[0]
    engine.start()
    engine.start()
    for _ in range(3):
        before = engine.begin()
        module.work(1000)
        assert engine.end(before)
    under_way = engine.begin()
    harm(others)
    # The application is not affected.
    assert module.work(1000) == 499500
    again = engine.begin()
    assert module.work(1000) == 499500
    engine.end(again)
    engine.end(under_way)
    engine.ambient()
    for _ in range(2):
        with pytest.raises(EngineError, match=r"another.*: start the server again without that tool"):
            engine.start()
        with pytest.raises(EngineError):
            engine.begin()
    engine.stop()
    assert own_ids() == []
    for tool in others:
        assert monitoring.get_tool(tool) == "another"
        assert monitoring.get_events(tool) == monitoring.events.PY_RETURN
        assert monitoring.register_callback(tool, monitoring.events.LINE, None) == other_callback
    engine.start()
    capture = engine.begin()
    module.work(1)
    assert engine.end(capture)
    engine.stop()


@pytest.mark.parametrize("harm", HARM)
def test_process_reports_it_and_ends_in_order(
    load_module: Load, others: list[int], harm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    recorder = start_recording(Settings(engine="monitoring"))
    ended = []
    recorder.at_stop += [lambda: 1 / 0, lambda: ended.append("second")]  # type: ignore[list-item, func-returns-value]
    module = load_module(PROGRAM)
    request = recorder.open_request("GET", "/before")
    request.run(module.work, 3)
    request.commit()
    harm(others)
    # The recorder's thread finds the fault; the last thing that it writes is the log.
    wait_until(lambda: caplog.records, "the fault is logged")
    fault = str(recorder.session.fault)
    assert "another" in fault
    assert [record.getMessage() for record in caplog.records] == [f"a request is not recorded: {fault}"]
    request = recorder.open_request("GET", "/afterwards")
    assert request.run(module.work, 10) == 45
    request.commit()
    recorder.journal.append_object("ambient", trace="the journal is open")
    caplog.clear()
    assert stop_recording() is None
    assert current_recorder() is None
    assert ended == ["second"]
    # Each step is executed, and the one that fails is named.
    lost, failed = caplog.records
    assert "<lambda> has failed" in failed.getMessage()
    assert "1 record was lost" in lost.getMessage()
    assert [request.path for request in read_run(recorder.run).requests] == ["/before"]
