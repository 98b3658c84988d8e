"""Python's own events, with a callback that does nothing.

A tool that records the lines of each request has to be called for each line that a request runs, at least the first
time. Here a function in C that does nothing is called, each time.
"""

from __future__ import annotations

import operator
import sys
from types import CodeType
from typing import Any

from .base import Contestant

DISCOVERY, LINES = 3, 4


class EventsAlone(Contestant):
    name = "events"
    title = "events alone"
    note = "Nothing. Python reports each line, each time, to a callback that does nothing."
    measures = False
    versions = ((3, 12), (3, 15))

    def prepare(self, source: str) -> None:
        monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]
        events = monitoring.events

        def on_start(code: CodeType, offset: int) -> Any:
            if code.co_filename.startswith(source):
                monitoring.set_local_events(LINES, code, events.LINE)
            return monitoring.DISABLE

        for tool in (DISCOVERY, LINES):
            monitoring.use_tool_id(tool, f"{__name__} {tool}")
        monitoring.register_callback(DISCOVERY, events.PY_START, on_start)
        monitoring.register_callback(LINES, events.LINE, operator.is_)
        monitoring.set_events(DISCOVERY, events.PY_START)
