"""The chart of covered statements over requests, as the points of an SVG line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 720, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 12, 28


@dataclass(frozen=True)
class Tick:
    """A number on an axis, and its coordinate in the picture."""

    position: float
    number: int


@dataclass(frozen=True)
class Chart:
    """``line`` and ``area`` are the points of polygons, ``total`` is the y coordinate of full coverage."""

    line: str
    area: str
    total: float
    rows: Sequence[Tick]
    columns: Sequence[Tick]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM


def growth_chart(points: Sequence[tuple[int, int]], requests: int, statements: int) -> Chart:
    """Return the chart through ``points`` (requests, covered statements), up to the last of ``requests``.

    Coverage rises with a request and stays constant in between, so the line has steps.
    """
    most_requests, most = max(requests, 1), max(statements, 1)

    def x(request: float) -> float:
        return round(_LEFT + request / most_requests * (WIDTH - _LEFT - _RIGHT), 1)

    def y(covered: float) -> float:
        return round(HEIGHT - _BOTTOM - covered / most * (HEIGHT - _TOP - _BOTTOM), 1)

    steps: list[tuple[float, float]] = []
    for request, covered in points:
        if steps:
            steps.append((x(request), steps[-1][1]))
        steps.append((x(request), y(covered)))
    steps.append((x(requests), steps[-1][1]))
    line = " ".join(f"{left},{top}" for left, top in steps)
    return Chart(
        line=line,
        area=f"{x(0)},{y(0)} {line} {x(requests)},{y(0)}",
        total=y(statements),
        rows=[Tick(y(number), number) for number in _ticks(most)],
        columns=[Tick(x(number), number) for number in _ticks(most_requests)],
    )


def _ticks(most: int, count: int = 5) -> list[int]:
    """Return about ``count`` round numbers from 0 to ``most``."""
    step = 1
    while most / step > count:
        step = step * 5 // 2 if str(step)[0] == "2" else step * 2
    return list(range(0, most + 1, step))
