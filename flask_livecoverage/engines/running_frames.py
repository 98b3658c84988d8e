"""The frames that are under way when measuring begins: whoever runs them has begun before."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

from ..model.imports import loaded_module


def with_callers(frame: FrameType | None) -> Iterator[FrameType]:
    """``frame`` and those below it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def running_frames() -> Iterator[FrameType]:
    """The frames of all threads, and of all greenlets that wait."""
    for frame in sys._current_frames().values():
        yield from with_callers(frame)
    for _, frame in suspended_greenlets():
        yield from with_callers(frame)


def suspended_greenlets() -> Iterator[tuple[Any, FrameType]]:
    """The greenlets that have begun and will go on, of all threads, each with its frame."""
    greenlet = loaded_module("greenlet")
    if greenlet is not None:
        for found in gc.get_objects():
            if isinstance(found, greenlet.greenlet) and found.gr_frame is not None:
                yield found, found.gr_frame


def trigger_call_event() -> None:
    """Be the function for whose beginning a trace function is called."""
