"""Plugins of gevent, called before and after it patches: from then on, the flushing thread must not be a native one.

gevent replaces locks only while the main thread is the only one.
"""

from __future__ import annotations

import sys
from typing import Any


def before_patch(event: object) -> None:
    """Stop the flushing thread, because gevent is about to replace threads."""
    recorder = _recorder()
    if recorder is not None:
        recorder.flusher.pause()


def after_patch(event: object) -> None:
    """Start it again, as a greenlet."""
    recorder = _recorder()
    if recorder is not None:
        recorder.resume_flushing()


def _recorder() -> Any:
    # Called in every process that gevent patches. Most record nothing, and must not import coverage for it.
    process = sys.modules.get("flask_livecoverage.recording.process")
    return None if process is None else process.current_recorder()
