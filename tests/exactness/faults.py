"""Faults to plant in the monitoring engine: the harness must find requests with wrong lines under each of them."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

from flask_livecoverage.engines.monitoring import MonitoringEngine


class NoEpochCheck(MonitoringEngine):
    """The fault of disabling a location although somebody became interested meanwhile."""

    def _on_line(self, code: CodeType, line: int) -> Any:
        super()._on_line(code, line)
        key = id(code)
        for other in self._open:
            seen = other.get(key)
            if seen is not None and line not in seen:
                return None
        self._dirty[key] = code
        return self._disable


class TwoStepRearm(MonitoringEngine):
    """The fault of arming again and forgetting the mark as two calls in Python."""

    def _rearm(self, code: CodeType) -> None:
        assert self._tools is not None
        key = id(code)
        sys.monitoring.set_local_events(self._tools[1], code, 0)
        sys.monitoring.set_local_events(self._tools[1], code, self._events_of(code))
        self._dirty.pop(key, None)
        self._off.pop(key, None)


FAULTS: dict[str, type[MonitoringEngine]] = {"no-epoch-check": NoEpochCheck, "two-step-rearm": TwoStepRearm}
