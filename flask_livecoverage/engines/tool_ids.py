"""The tool ids of ``sys.monitoring``: six for all tools in a process."""

from __future__ import annotations

import sys
from typing import Any

from ..errors import EngineError

# Python 3.11 has none, and there nobody imports this module.
_monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]

# The order leaves coverage.py the ids it looks for (1 and 3) as long as others are free.
_TOOL_IDS = (4, 5, 0, 2, 3, 1)
_TOOL_NAME = "flask-livecoverage"


def take_tool_ids() -> tuple[int, int]:
    """Two free tool ids, taken. Raises EngineError, with none taken, if there are not two."""
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
