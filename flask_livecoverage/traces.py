"""Writes traces into the journal: each once, and again when what was written may be gone."""

from __future__ import annotations

from typing import Any

from .engines import Hits
from .journal import Journal
from .lines import to_bitmap, to_hex
from .model import FileLines, Trace
from .sources import Sources

# Traces that wait for room on the disk. Those beyond are written when another request leaves them.
_MOST_LEFT = 10_000


class TraceWriter:
    """Writes the traces of one process into ``journal``."""

    def __init__(self, sources: Sources, journal: Journal) -> None:
        self._sources = sources
        self._journal = journal
        self._left: dict[str, Hits] = {}

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
        trace = Trace.of({path: self._file_lines(path, hits) for path in hits})
        hits.trace = trace.id
        files = {path: _entry(lines) for path, lines in trace.files.items()}
        if self._journal.append_object("trace", id=trace.id, files=files):
            hits.written_to = content
            self._left.pop(trace.id, None)
        elif len(self._left) < _MOST_LEFT:
            self._left[trace.id] = hits

    def _file_lines(self, path: str, hits: Hits) -> FileLines:
        arcs = None if hits.arcs is None else hits.arcs.get(path, frozenset())
        return FileLines(self._sources.content(path), to_bitmap(hits[path]), arcs)


def _entry(lines: FileLines) -> dict[str, Any]:
    entry: dict[str, Any] = {"content": lines.content, "lines": to_hex(lines.lines)}
    if lines.arcs is not None:
        entry["arcs"] = sorted(lines.arcs)
    return entry
