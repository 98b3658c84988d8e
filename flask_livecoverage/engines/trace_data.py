"""Converts the data of coverage.py's C tracer, line numbers or packed arcs by file, to hits."""

from __future__ import annotations

from collections.abc import Iterable
from types import FrameType

from ..model.bounded import MAX_FILES, make_room
from ..model.records import Arc
from ..sources import coveragepy
from ..sources.coveragepy import Disposition
from ..sources.selection import Sources
from .base import Hits, HitsCache, RawLines


class TraceDataConverter:
    """Decides which files are traced, and converts trace data to hits: the same object for the same lines.

    :param branch: true if the hits should contain arcs too.
    """

    def __init__(self, sources: Sources, branch: bool) -> None:
        self.dispositions: dict[str, Disposition] = {}
        self._own_files: dict[str, bool] = {}
        self._sources = sources
        self._branch = branch
        self._line_cache = HitsCache(self._hits_of_lines)
        self._arc_cache = HitsCache(self._hits_of_arcs)

    def disposition(self, filename: str, frame: FrameType | None) -> Disposition:
        """Decide whether ``frame``, which runs code in ``filename``, is traced. The caller fills ``dispositions``."""
        make_room(self.dispositions)
        disposition = self._sources.disposition(filename, frame)
        if disposition.trace:
            self._record_own(disposition.source_filename, True)
        return disposition

    def _record_own(self, path: str, own: bool) -> bool:
        if len(self._own_files) >= MAX_FILES:
            make_room(self._own_files)
            # The next decisions about these files record them again.
            self.dispositions.clear()
        self._own_files[path] = own
        return own

    def make(self, raw: RawLines, arcs: bool) -> Hits:
        """Return the hits for ``raw``, which holds arcs or lines and must not change any more."""
        return (self._arc_cache if arcs else self._line_cache).hits(raw)

    def _is_own(self, path: str) -> bool:
        # A lender also traces files that we do not measure, and files that we measure while no capture is open.
        own = self._own_files.get(path)
        return self._record_own(path, self._sources.measures(path)) if own is None else own

    def _hits_of_lines(self, raw: RawLines) -> Hits:
        lines = {path: self._possible(path, numbers) for path, numbers in raw.items() if self._is_own(path)}
        return Hits({path: numbers for path, numbers in lines.items() if numbers})

    def _possible(self, path: str, lines: Iterable[int]) -> frozenset[int]:
        line_limit = self._sources.line_limit(path)
        return frozenset(line for line in lines if line <= line_limit)

    def _hits_of_arcs(self, raw: RawLines) -> Hits:
        possible = {path: self._possible_arcs(path, packed) for path, packed in raw.items() if self._is_own(path)}
        arcs = {path: pairs for path, pairs in possible.items() if pairs}
        lines = {path: frozenset(line for arc in pairs for line in arc if line > 0) for path, pairs in arcs.items()}
        return Hits(lines, arcs if self._branch else None)

    def _possible_arcs(self, path: str, packed: Iterable[int]) -> frozenset[Arc]:
        line_limit = self._sources.line_limit(path)
        pairs = map(coveragepy.unpack_arc, packed)
        return frozenset((first, second) for first, second in pairs if max(abs(first), abs(second)) <= line_limit)


def drain(data: RawLines) -> RawLines:
    """Return what was collected so far, and remove it from ``data``. The sets stay, as running frames add to them."""
    taken = coveragepy.executed_only(data)
    for path, numbers in taken.items():
        data[path].difference_update(numbers)
    return taken
