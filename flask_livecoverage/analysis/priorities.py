"""Priorities for new tests: the gaps in the functions that most requests enter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..model.bitmap import from_bitmap
from ..sources.functions import Function
from .suite import natural_key

Bitmaps = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class File:
    """A file: its functions, and the bitmap of its statements that no request and no start-up executed."""

    functions: Sequence[Function]
    missing: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The statements of a function that no request and no start-up executed."""

    path: str
    function: str
    first_line: int
    missing: Sequence[int]


@dataclass(frozen=True, slots=True)
class Priority:
    """A route, its share of all requests (0 to 1), and the gaps in the functions that it enters.

    ``recorded`` is true if it was requested while lines were recorded. If not, only its view function is known.
    """

    route: str
    requests: int
    share: float
    recorded: bool
    gaps: Sequence[Gap]

    @property
    def uncovered(self) -> int:
        """The number of statements in its gaps."""
        return sum(len(gap.missing) for gap in self.gaps)

    @property
    def score(self) -> int:
        """The value by which routes are ranked: traffic times gap."""
        return self.requests * self.uncovered


def rank(
    traffic: Mapping[str, int],
    executed: Mapping[str, Bitmaps],
    files: Mapping[str, File],
    views: Mapping[str, Iterable[tuple[str, Function]]],
) -> list[Priority]:
    """The routes that have requests and gaps, the most urgent first.

    :param traffic: the number of requests to each route.
    :param executed: the lines (bitmaps by file) that each recorded route's requests executed.
    :param views: the view functions, with their files, of routes that were not recorded.
    """
    total = sum(traffic.values())
    found = []
    for route, requests in traffic.items():
        recorded = route in executed
        entered = _entered(executed[route], files) if recorded else views.get(route, ())
        gaps = sorted(_gaps(entered, files), key=lambda gap: (-len(gap.missing), gap.path, gap.first_line))
        if requests and gaps:
            found.append(Priority(route, requests, requests / total, recorded, gaps))
    return sorted(found, key=lambda priority: (-priority.score, -priority.requests, natural_key(priority.route)))


def _entered(executed: Bitmaps, files: Mapping[str, File]) -> list[tuple[str, Function]]:
    return [
        (path, function)
        for path, lines in executed.items()
        if path in files
        for function in files[path].functions
        if function.body & lines
    ]


def _gaps(functions: Iterable[tuple[str, Function]], files: Mapping[str, File]) -> Iterable[Gap]:
    for path, function in functions:
        missing = function.body & files[path].missing if path in files else 0
        if missing:
            yield Gap(path, function.name, function.first_line, from_bitmap(missing))
