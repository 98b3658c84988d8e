"""Engines measure which lines run; :func:`choose_engine` picks one and says why."""

from __future__ import annotations

import sys

from ..errors import ConfigurationError, EngineError
from ..sources import Sources
from .base import Capture, Engine, Hits
from .ctrace import CTraceEngine
from .monitoring import MonitoringEngine

__all__ = ["ENGINES", "Capture", "Engine", "Hits", "choose_engine"]

ENGINES = ("monitoring", "ctrace")

_HAS_MONITORING = hasattr(sys, "monitoring")


def choose_engine(sources: Sources, wanted: str = "auto") -> tuple[Engine, str]:
    """An engine for ``sources``, not started, and the reason for it in a few words.

    ``wanted`` is ``auto`` or the name of one of :data:`ENGINES`. Raises ConfigurationError for another name,
    EngineError if the engine asked for cannot do what the configuration wants on this Python.
    """
    if wanted not in ("auto", *ENGINES):
        raise ConfigurationError(f"unknown engine {wanted!r}: choose auto, {' or '.join(ENGINES)}")
    if wanted == "monitoring":
        return _forced_monitoring(sources)
    if wanted == "ctrace":
        return CTraceEngine(sources, branch=sources.branch), "asked for by LIVECOVERAGE_ENGINE"
    if sources.branch:
        return CTraceEngine(sources, branch=True), "branch coverage is on"
    if not _HAS_MONITORING:
        return CTraceEngine(sources, branch=False), f"Python {_version()} has no sys.monitoring"
    return MonitoringEngine(sources), f"Python {_version()} has sys.monitoring"


def _forced_monitoring(sources: Sources) -> tuple[Engine, str]:
    if not _HAS_MONITORING:
        raise EngineError(
            f"the monitoring engine needs Python 3.12 or newer, this is {_version()}: leave the engine at auto"
        )
    if sources.branch:
        raise EngineError("the monitoring engine measures lines: set branch = False, or leave the engine at auto")
    return MonitoringEngine(sources), "asked for by LIVECOVERAGE_ENGINE"


def _version() -> str:
    return f"{sys.version_info.major}.{sys.version_info.minor}"
