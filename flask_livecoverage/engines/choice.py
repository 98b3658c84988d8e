"""Chooses an engine, and reports the reason."""

from __future__ import annotations

import sys

from ..errors import ConfigurationError, EngineError
from ..sources.selection import Sources
from .base import Engine
from .ctrace import CTraceEngine

if sys.version_info >= (3, 12):
    from .monitoring import MonitoringEngine

ENGINES = ("monitoring", "ctrace")

_VERSION = f"Python {sys.version_info.major}.{sys.version_info.minor}"
_FORCED = "set by LIVECOVERAGE_ENGINE"


def choose_engine(sources: Sources, wanted: str = "auto") -> tuple[Engine, str]:
    """Return an engine for ``sources``, not started, and the reason for the choice in a few words.

    ``wanted`` is ``auto`` or the name of one of :data:`ENGINES`. Raises ConfigurationError for another name,
    EngineError if the wanted engine does not support the configuration or this Python.
    """
    if wanted not in ("auto", *ENGINES):
        raise ConfigurationError(f"unknown engine {wanted!r}: choose auto, {' or '.join(ENGINES)}")
    if wanted == "ctrace":
        return CTraceEngine(sources, branch=sources.branch), _FORCED
    if wanted == "monitoring" and sources.branch:
        raise EngineError("the monitoring engine measures lines: set branch = False, or leave the engine at auto")
    if sources.branch:
        return CTraceEngine(sources, branch=True), "branch coverage is on"
    if sys.version_info >= (3, 12):
        engine = MonitoringEngine(sources)
        reason = _FORCED if wanted == "monitoring" else f"{_VERSION} has sys.monitoring"
        return engine, reason if engine.is_fast else f"{reason}; without the C extension"
    else:
        if wanted == "monitoring":
            raise EngineError(f"the monitoring engine needs Python 3.12, this is {_VERSION}: leave the engine at auto")
        return CTraceEngine(sources, branch=False), f"{_VERSION} has no sys.monitoring"
