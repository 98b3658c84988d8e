"""Makes hits of what coverage.py's C tracer collects: line numbers, or packed arcs, by file."""

from __future__ import annotations

from .. import coveragepy
from ..sources import Sources
from .base import Hits, HitsCache, RawLines


class TraceHits:
    """Makes hits of trace data: the same object for the same lines.

    :param branch: whether arcs are asked for, too, and not lines alone.
    """

    def __init__(self, sources: Sources, branch: bool) -> None:
        self.own_files: dict[str, bool] = {}
        self._sources = sources
        self._branch = branch
        self._line_cache = HitsCache(self._hits_of_lines)
        self._arc_cache = HitsCache(self._hits_of_arcs)

    def make(self, raw: RawLines, arcs: bool) -> Hits:
        """The hits for ``raw``, which must not change any more, and which holds arcs or lines."""
        return (self._arc_cache if arcs else self._line_cache).hits(raw)

    def _is_own(self, path: str) -> bool:
        # A lender traces files that we do not measure, and files that we measure outside any capture.
        own = self.own_files.get(path)
        if own is None:
            own = self.own_files[path] = self._sources.measures(path)
        return own

    def _hits_of_lines(self, raw: RawLines) -> Hits:
        return Hits({path: frozenset(lines) for path, lines in raw.items() if lines and self._is_own(path)})

    def _hits_of_arcs(self, raw: RawLines) -> Hits:
        arcs = {
            path: frozenset(map(coveragepy.unpack_arc, packed))
            for path, packed in raw.items()
            if packed and self._is_own(path)
        }
        lines = {path: frozenset(line for arc in pairs for line in arc if line > 0) for path, pairs in arcs.items()}
        return Hits(lines, arcs if self._branch else None)


def take_all(data: RawLines) -> RawLines:
    """Take what was collected so far. The sets stay, because frames under way hold them and go on adding."""
    taken = coveragepy.executed_only(data)
    for path, numbers in taken.items():
        data[path].difference_update(numbers)
    return taken
