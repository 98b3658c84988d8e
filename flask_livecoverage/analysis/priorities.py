"""What to cover next: the gaps in the functions that the most requests enter."""

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
    """The statements of a function that nobody executed."""

    path: str
    function: str
    first_line: int
    missing: Sequence[int]


@dataclass(frozen=True, slots=True)
class Priority:
    """A route, the share of all requests that it gets (0 to 1), and the gaps in the functions that it enters.

    ``recorded`` is whether it was ever asked for while lines were recorded. If not, its view function is all that is
    known of its functions.
    """

    route: str
    requests: int
    share: float
    recorded: bool
    gaps: Sequence[Gap]

    @property
    def uncovered(self) -> int:
        """How many statements nobody executed in the functions that it enters."""
        return sum(len(gap.missing) for gap in self.gaps)

    @property
    def score(self) -> int:
        """What the ranking is by: traffic times gap."""
        return self.requests * self.uncovered


def rank(
    traffic: Mapping[str, int],
    executed: Mapping[str, Bitmaps],
    files: Mapping[str, File],
    views: Mapping[str, Iterable[tuple[str, Function]]],
) -> list[Priority]:
    """The routes that get requests and have gaps, the most urgent first.

    :param traffic: how many requests each route gets.
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
