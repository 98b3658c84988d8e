"""Writes traces into the journal: each once, and again when what was written may be gone."""

from __future__ import annotations

from typing import Any

from ..engines import Hits
from ..journal.format import fields_of
from ..journal.writer import Journal
from ..model.bitmap import to_bitmap
from ..model.records import FileLines, Trace
from ..sources.selection import Sources

# So many line numbers are kept in all, to know traces again: some 20 MB. What is kept of each file beside its lines
# takes as much as this number of them.
MOST_LINES = 300_000
_BESIDE = 16

# Traces that wait for room on the disk. Those beyond are written when another request leaves them.
_MOST_LEFT = 10_000

# The path of each file, with the line numbers or, where branches are measured, the arcs.
Lines = frozenset[tuple[str, frozenset[Any]]]


class TraceWriter:
    """Writes the traces of one process into ``journal``."""

    def __init__(self, sources: Sources, journal: Journal) -> None:
        self._sources = sources
        self._journal = journal
        self._left: dict[str, Hits] = {}
        # The ids of what was written to `_content`, by the lines: hashing those anew takes much longer.
        self._ids: dict[Lines, str] = {}
        self._kept_lines = 0
        self._content = journal.content

    def id_of(self, hits: Hits) -> str:
        """The id of the trace of ``hits``, which is on disk when this returns, unless nothing can be written."""
        if hits.written_to is not self._journal.content:
            self._write(hits)
        return hits.trace

    def write_left(self) -> None:
        """Write the traces that could not be written."""
        for hits in list(self._left.values()):
            self._write(hits)

    def _write(self, hits: Hits) -> None:
        content = self._journal.content
        lines = frozenset(hits.items() if hits.arcs is None else hits.arcs.items())
        known = self._known_ids(content).get(lines)
        if known is not None:
            hits.trace, hits.written_to = known, content
            return
        trace = Trace.of({path: self._file_lines(path, hits) for path in hits})
        hits.trace = trace.id
        if self._journal.append_object("trace", **fields_of(trace)):
            hits.written_to = content
            self._left.pop(trace.id, None)
            self._ids[lines] = trace.id
            self._kept_lines += _BESIDE * len(hits) + sum(map(len, hits.values()))
        elif len(self._left) < _MOST_LEFT:
            self._left[trace.id] = hits

    def _known_ids(self, content: object) -> dict[Lines, str]:
        if content is not self._content or self._kept_lines > MOST_LINES:
            self._ids, self._kept_lines, self._content = {}, 0, content
        return self._ids

    def _file_lines(self, path: str, hits: Hits) -> FileLines:
        arcs = None if hits.arcs is None else hits.arcs.get(path, frozenset())
        return FileLines(self._sources.content(path), to_bitmap(hits[path]), arcs)
