"""Computes figures from rounds: ratios to the bare application, their spread, and whether the aims are reached."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# The project's aims: shares of the bare application's throughput, from Python 3.12 on,
HTTP_AIM, TRIVIAL_HTTP_AIM = 0.95, 0.93
WSGI_AIM, TRIVIAL_WSGI_AIM = 0.95, 0.85
# and on 3.11 the time compared with that under `coverage run`.
TIME_AIM = 1.05

Key = tuple[str, str, str]


@dataclass(frozen=True)
class Ratio:
    """The median over the rounds of one rate divided by another one's, and its quartiles."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.short} ({_short(self.low)} to {_short(self.high)})"

    @property
    def short(self) -> str:
        """The median alone."""
        return _short(self.median)


def _short(figure: float) -> str:
    return f"{figure:.2f}" if figure >= 0.1 else f"{figure:.3f}"


def spread(figures: Iterable[float]) -> Ratio:
    """The median and the quartiles of some figures, at least one."""
    ordered = sorted(figures)
    if len(ordered) == 1:
        return Ratio(ordered[0], ordered[0], ordered[0])
    low, median, high = statistics.quantiles(ordered, n=4, method="inclusive")
    return Ratio(median, low, high)


class Throughput:
    """The measured throughput under one Python, from its cells."""

    def __init__(self, cells: Sequence[Mapping[str, Any]]) -> None:
        self._cells: dict[Key, Mapping[str, Any]] = {
            (cell["work"], cell["level"], cell["contestant"]): cell for cell in cells
        }
        self.workloads = list(dict.fromkeys(workload for workload, _, _ in self._cells))
        self.levels = list(dict.fromkeys(level for _, level, _ in self._cells))
        self.contestants = list(dict.fromkeys(contestant for _, _, contestant in self._cells))

    def ratio(self, workload: str, level: str, contestant: str, beside: str = "bare") -> Ratio | None:
        """The speed of a contestant in relation to another one's; None without a round of both."""
        ratios = [rate / other for rate, other in self._both(workload, level, contestant, beside)]
        return spread(ratios) if ratios else None

    def cost(self, workload: str, level: str, contestant: str, beside: str) -> float | None:
        """The microseconds that a request takes longer than under another contestant, as a median."""
        both = self._both(workload, level, contestant, beside)
        costs = [1e6 / rate - 1e6 / other for rate, other in both if rate]
        return statistics.median(costs) if costs else None

    def rate(self, workload: str, level: str, contestant: str) -> float | None:
        """The requests per second, as a median."""
        rates = self._rates(workload, level, contestant)
        return statistics.median(rates.values()) if rates else None

    def failed(self, workload: str, level: str, contestant: str) -> float:
        """The share of requests that were answered by an error, or not at all."""
        rounds = self._rounds(workload, level, contestant)
        failed = sum(found["failed"] + found.get("socket_errors", 0) for found in rounds)
        made = failed + sum(found["requests"] for found in rounds)
        return failed / made if made else 0.0

    def error(self, workload: str, level: str, contestant: str) -> str | None:
        """The reason why a cell has no rounds, or not all of them."""
        cell = self._cells.get((workload, level, contestant))
        error: str | None = cell["error"] if cell else None
        return error

    def _rounds(self, workload: str, level: str, contestant: str) -> Sequence[Mapping[str, Any]]:
        cell = self._cells.get((workload, level, contestant))
        return cell["rounds"] if cell else ()

    def _rates(self, workload: str, level: str, contestant: str) -> dict[int, float]:
        rounds = self._rounds(workload, level, contestant)
        return {found["round"]: found["requests"] / found["seconds"] for found in rounds}

    def _both(self, workload: str, level: str, contestant: str, beside: str) -> list[tuple[float, float]]:
        """The rates of two contestants in each round that both were in."""
        rates, others = (self._rates(workload, level, name) for name in (contestant, beside))
        return [(rate, others[number]) for number, rate in rates.items() if others.get(number)]


@dataclass(frozen=True)
class Aim:
    """An aim of the project: a figure compared with a contestant's, and the one that was measured.

    ``allowed`` is by how many microseconds a request may be slower then, and ``cost`` by how many it is.
    """

    workload: str
    level: str
    beside: str
    wanted: float
    figure: Ratio | None
    allowed: float | None
    cost: float | None

    @property
    def reached(self) -> bool:
        """True if the median reaches the aim."""
        return self.figure is not None and self.figure.median >= self.wanted

    @property
    def missing(self) -> float:
        """The distance from the aim, as a part of it."""
        return max(0.0, 1 - self.figure.median / self.wanted) if self.figure else 1.0


def aims(python: str, throughput: Throughput) -> Iterator[Aim]:
    """All aims for the workloads and levels that were measured."""
    old = tuple(map(int, python.split("."))) < (3, 12)
    for workload in throughput.workloads:
        for level in throughput.levels:
            beside, wanted = ("coverage-ctrace", 1 / TIME_AIM) if old else ("bare", share_wanted(workload, level))
            rate = throughput.rate(workload, level, beside)
            yield Aim(
                workload,
                level,
                beside,
                wanted,
                figure=throughput.ratio(workload, level, "livecov", beside),
                allowed=1e6 / (rate * wanted) - 1e6 / rate if rate else None,
                cost=throughput.cost(workload, level, "livecov", beside),
            )


def share_wanted(workload: str, level: str) -> float:
    """The share of the bare throughput that is the aim from Python 3.12 on."""
    if level.startswith("wsgi"):
        return TRIVIAL_WSGI_AIM if workload == "trivial" else WSGI_AIM
    return TRIVIAL_HTTP_AIM if workload == "trivial" else HTTP_AIM
