"""Windows of a run: at most one is open at a time, in all its processes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..model.records import Window


def windows_of(events: Iterable[tuple[float, str]]) -> list[Window]:
    """Return the windows that these events opened and closed; an event with an empty name closes the open one."""
    windows: list[Window] = []
    for at, name in sorted(events, key=lambda event: event[0]):
        if windows and windows[-1].closed_at is None:
            windows[-1] = replace(windows[-1], closed_at=at)
        if name:
            windows.append(Window(name, at))
    return windows


def window_at(moment: float, windows: Sequence[Window], openings: Sequence[float]) -> Window | None:
    """Return the window that contains ``moment``. ``windows`` are ascending, ``openings`` are their opening times."""
    index = bisect_right(openings, moment) - 1
    return windows[index] if index >= 0 and windows[index].contains(moment) else None
