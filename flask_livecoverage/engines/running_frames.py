"""Finds the frames that are already running when measuring starts."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ..model.imports import loaded_module


def with_callers(frame: FrameType | None) -> Iterator[FrameType]:
    """Yield ``frame`` and its callers."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def running_frames() -> Iterator[FrameType]:
    """Yield the frames of all threads and of all suspended greenlets."""
    for frame in sys._current_frames().values():
        yield from with_callers(frame)
    for _, frame in suspended_greenlets():
        yield from with_callers(frame)


def suspended_greenlets() -> Iterator[tuple[Any, FrameType]]:
    """Yield the greenlets of all threads that have begun and not ended, each with its frame."""
    greenlet = loaded_module("greenlet")
    if greenlet is not None:
        for found in gc.get_objects():
            if isinstance(found, greenlet.greenlet) and found.gr_frame is not None:
                yield found, found.gr_frame


def trigger_call_event() -> None:
    """Do nothing. Calling a function makes Python call the trace function that was just set."""
