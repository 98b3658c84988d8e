"""Faults to plant in the monitoring engine: the harness must find requests with wrong lines under each of them."""

from __future__ import annotations

import sys
from types import CodeType
from typing import Any

from flask_livecoverage.engines.base import RawLines
from flask_livecoverage.engines.locations import Locations, events_of


class NoEpochCheck(Locations):
    """The fault of disabling a location although a capture has begun to need it meanwhile."""

    def on_line(self, code: CodeType, line: int) -> Any:
        super().on_line(code, line)
        key = id(code)
        for other in tuple(self.open.values()):
            marks = other.get(key)
            if marks is not None and not marks[line - self.extents[key][0]]:
                return None
        self.dirty[key] = code
        return sys.monitoring.DISABLE


class TwoStepRearm(Locations):
    """The fault of arming again and removing the mark as two calls in Python."""

    def visit(self, lines: RawLines, code: CodeType) -> bytearray:
        marks: bytearray = lines.setdefault(id(code), bytearray(self.extents[id(code)][1]))
        self.heat[id(code)] = 0
        self.epoch = object()
        if id(code) in self.dirty:
            self.rearm(code)
        return marks

    def rearm(self, code: CodeType) -> None:
        key = id(code)
        sys.monitoring.set_local_events(self._tool, code, 0)
        sys.monitoring.set_local_events(self._tool, code, events_of(code))
        self.dirty.pop(key, None)
        self.off.pop(key, None)


FAULTS: dict[str, type[Locations]] = {"no-epoch-check": NoEpochCheck, "two-step-rearm": TwoStepRearm}
