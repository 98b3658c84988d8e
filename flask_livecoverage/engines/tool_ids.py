"""Takes and checks tool ids of ``sys.monitoring``, of which a process has six for all its tools."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import EngineError

# Python 3.11 has none; this module is not imported there.
_monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

# The order leaves coverage.py the ids that it uses (1 and 3) as long as others are free.
_TOOL_IDS = (4, 5, 0, 2, 3, 1)
_TOOL_NAME = "flask-livecoverage"

# A tool id, an event and the callback for both.
Callback = tuple[int, int, Callable[..., Any]]


def take_tool_ids() -> tuple[int, int]:
    """Take two free tool ids and return them. Raises EngineError, without taking any, if fewer than two are free."""
    taken: list[int] = []
    for tool in _TOOL_IDS:
        if _monitoring.get_tool(tool) is None:
            _monitoring.use_tool_id(tool, _TOOL_NAME)
            taken.append(tool)
            if len(taken) == 2:
                return taken[0], taken[1]
    for tool in taken:
        _monitoring.free_tool_id(tool)
    users = ", ".join(str(_monitoring.get_tool(tool)) for tool in range(6))
    raise EngineError(
        f"the monitoring engine needs two of Python's six monitoring tool ids, and they are in use by {users}: "
        "stop one of these, or set LIVECOVERAGE_ENGINE=ctrace"
    )


def register_callbacks(callbacks: Sequence[Callback]) -> None:
    """Register all of ``callbacks``."""
    for tool, event, callback in callbacks:
        _monitoring.register_callback(tool, event, callback)


def check_tool_ids(events: dict[int, int], callbacks: Sequence[Callback]) -> None:
    """Raise EngineError unless the tool ids are still ours, with these global ``events`` by id and ``callbacks``.

    Nothing prevents one tool from freeing or using another's ids; a tool that loses its ids gets no events any more.
    """
    for tool, expected in events.items():
        user = _monitoring.get_tool(tool)
        if user != _TOOL_NAME:
            raise _lost("has freed" if user is None else f"({user}) has taken", "one of this engine's two tool ids")
        if _monitoring.get_events(tool) != expected:
            raise _lost("has changed", "the events that this engine watches")
    for tool, event, callback in callbacks:
        # Registering one is the only way to find out which one is registered.
        found = _monitoring.register_callback(tool, event, callback)
        if found != callback:
            _monitoring.register_callback(tool, event, found)
            raise _lost("has replaced", "a callback of this engine")


def _lost(done: str, what: str) -> EngineError:
    return EngineError(
        f"another tool in this process {done} {what}, and lines are not measured any more: start the server again "
        "without that tool, or with LIVECOVERAGE_ENGINE=ctrace"
    )


def retake(tools: Sequence[int]) -> list[int]:
    """Return those of ``tools`` that are ours. Retake those that were freed, because their events may still occur."""
    for tool in tools:
        if _monitoring.get_tool(tool) is None:
            _monitoring.use_tool_id(tool, _TOOL_NAME)
    return [tool for tool in tools if _monitoring.get_tool(tool) == _TOOL_NAME]


def remove_callbacks(callbacks: Sequence[Callback]) -> None:
    """Remove those of ``callbacks`` that are still registered, whichever tool uses the ids now."""
    for tool, event, callback in callbacks:
        found = _monitoring.register_callback(tool, event, None)
        if found is not None and found != callback:
            _monitoring.register_callback(tool, event, found)
