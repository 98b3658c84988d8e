"""Windows: at most one is open at a time, in all processes of a run."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import replace

from ..model.records import Window


def windows_of(events: Iterable[tuple[float, str]]) -> list[Window]:
    """The windows that these events opened and closed: at most one is open at a time, in all processes of the run."""
    windows: list[Window] = []
    for at, name in sorted(events, key=lambda event: event[0]):
        if windows and windows[-1].closed_at is None:
            windows[-1] = replace(windows[-1], closed_at=at)
        if name:
            windows.append(Window(name, at))
    return windows


def window_at(moment: float, windows: Sequence[Window], openings: Sequence[float]) -> Window | None:
    """The window that holds ``moment``. ``windows`` are ascending, ``openings`` the times at which they opened."""
    index = bisect_right(openings, moment) - 1
    return windows[index] if index >= 0 and windows[index].contains(moment) else None
