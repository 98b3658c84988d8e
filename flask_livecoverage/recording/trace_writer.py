"""Writes traces into the journal: each once, and again if the written ones may have been removed."""

from __future__ import annotations

from typing import Any

from ..engines import Hits
from ..journal.format import fields_of
from ..journal.writer import Journal
from ..model.bitmap import to_bitmap
from ..model.records import FileLines, Trace
from ..sources.selection import Sources

# How many line numbers are cached in all, to recognise traces: some 20 MB. The overhead of each file takes as much
# memory as this number of line numbers.
MAX_LINES = 300_000
_FILE_OVERHEAD = 16

# How many traces wait for space on the disk. Further ones are written when another request has
# the same trace.
_MAX_PENDING = 10_000

# The path of each file, with the line numbers or, where branches are measured, the arcs.
Lines = frozenset[tuple[str, frozenset[Any]]]


class TraceWriter:
    """Writes the traces of one process into ``journal``."""

    def __init__(self, sources: Sources, journal: Journal) -> None:
        self._sources = sources
        self._journal = journal
        self._pending: dict[str, Hits] = {}
        # The ids of the traces in this generation of the journal, by their lines, because hashing them again is much
        # slower.
        self._ids: dict[Lines, str] = {}
        self._cached_lines = 0
        self._generation = journal.generation

    def id_of(self, hits: Hits) -> str:
        """Return the id of the trace of ``hits``, which is on disk then, unless nothing can be written."""
        if hits.written_to is not self._journal.generation:
            self._write(hits)
        return hits.trace

    def write_pending(self) -> None:
        """Write the traces that could not be written."""
        for hits in list(self._pending.values()):
            self._write(hits)

    def _write(self, hits: Hits) -> None:
        generation = self._journal.generation
        lines = frozenset(hits.items() if hits.arcs is None else hits.arcs.items())
        written = self._written_ids(generation).get(lines)
        if written is not None:
            hits.trace, hits.written_to = written, generation
            return
        trace = Trace.of({path: self._file_lines(path, hits) for path in hits})
        hits.trace = trace.id
        if self._journal.append_object("trace", **fields_of(trace)):
            hits.written_to = generation
            self._pending.pop(trace.id, None)
            self._ids[lines] = trace.id
            self._cached_lines += _FILE_OVERHEAD * len(hits) + sum(map(len, hits.values()))
        elif len(self._pending) < _MAX_PENDING:
            self._pending[trace.id] = hits

    def _written_ids(self, generation: object) -> dict[Lines, str]:
        if generation is not self._generation or self._cached_lines > MAX_LINES:
            self._ids, self._cached_lines, self._generation = {}, 0, generation
        return self._ids

    def _file_lines(self, path: str, hits: Hits) -> FileLines:
        arcs = None if hits.arcs is None else hits.arcs.get(path, frozenset())
        return FileLines(self._sources.content(path), to_bitmap(hits[path]), arcs)
