"""Reads traces back from the store."""

from __future__ import annotations

import json
from collections.abc import Iterable

import sqlalchemy as sa

from ..model.bitmap import from_numbits
from ..model.records import FileLines, Trace
from .dialect import chunks
from .schema import files, trace_files, traces


def load_traces(connection: sa.Connection, numbers: Iterable[int]) -> dict[int, Trace]:
    """Return the traces with these numbers; those not yet seen in any journal are missing."""
    found: dict[int, Trace] = {}
    for chunk in chunks(sorted(set(numbers))):
        known = sa.select(traces.c.id, traces.c.digest).where(traces.c.id.in_(chunk) & traces.c.lines.is_not(None))
        digests = {row.id: row.digest for row in connection.execute(known)}
        lines: dict[int, dict[str, FileLines]] = {number: {} for number in digests}
        rows = (
            sa.select(trace_files.c.trace, files.c.path, files.c.content, trace_files.c.lines, trace_files.c.arcs)
            .join(files, files.c.id == trace_files.c.file)
            .where(trace_files.c.trace.in_(chunk))
        )
        for number, path, content, bitmap, arcs in connection.execute(rows):
            lines[number][path] = FileLines(content, from_numbits(bitmap), _arcs(arcs))
        found.update({number: Trace(digest, lines[number]) for number, digest in digests.items()})
    return found


def _arcs(text: str | None) -> frozenset[tuple[int, int]] | None:
    return None if text is None else frozenset((first, second) for first, second in json.loads(text))
