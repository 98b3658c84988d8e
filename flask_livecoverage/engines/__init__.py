"""Engines measure which lines run; :func:`choose_engine` picks one and gives the reason.

Modules:

*   ``_locations``: ``locations`` as a C extension, where it could be compiled
*   ``base``: the interface of an engine, and what all engines share
*   ``choice``: chooses an engine, and reports the reason
*   ``ctrace``: the engine with coverage.py's C tracer: for Python 3.11, and for branches
*   ``file_decisions``: which files are application code
*   ``gc_watch``: events of code that the garbage collector runs during a callback
*   ``greenlet_switches``: hooks for greenlet's switches
*   ``greenlets``: switches tracers when a thread switches greenlets
*   ``locations``: arms and disables locations, collects the lines of each capture
*   ``monitoring``: the engine with ``sys.monitoring``, for Python 3.12 and newer
*   ``running_frames``: the frames that run when measuring starts
*   ``tool_ids``: the tool ids of ``sys.monitoring``
*   ``trace_data``: converts the C tracer's data to hits
*   ``traced_stacks``: the stack of frames that each C tracer follows
*   ``weak_key_map``: a mapping from greenlets to values

May import: errors, model, settings, sources.

Runs in the measured server, below every request: the work done here for each line is the cost of measuring.
"""

from __future__ import annotations

from .base import Capture, Engine, Hits, current_owner
from .choice import ENGINES, choose_engine

__all__ = ["ENGINES", "Capture", "Engine", "Hits", "choose_engine", "current_owner"]
