"""Engines measure which lines run; :func:`choose_engine` picks one and gives the reason.

May import: sources, model, errors, settings. Runs in the measured server, below every request: the work done here for
each line is the cost of measuring.
"""

from __future__ import annotations

from .base import Capture, Engine, Hits, current_owner
from .choice import ENGINES, choose_engine

__all__ = ["ENGINES", "Capture", "Engine", "Hits", "choose_engine", "current_owner"]
