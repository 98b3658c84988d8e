"""Stores the analysis of source files, so that each content is analysed once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from ...model.bitmap import from_hex, from_numbits, to_hex, to_numbits
from ...model.records import FileStatements
from .. import schema
from ..dialect import chunks, insert_missing, storable

# The statements of a content, or the reason why it cannot be analysed.
Analysed = FileStatements | str


def load_statements(connection: sa.Connection, rules: str, contents: Iterable[str]) -> dict[str, Analysed]:
    """Return the stored analysis of ``contents`` (hashes) under ``rules``."""
    table = schema.statements.c
    found: dict[str, Analysed] = {}
    for chunk in chunks(sorted(contents)):
        query = sa.select(schema.statements).where(table.rules == rules, table.content.in_(chunk))
        for row in connection.execute(query):
            multiline = [(first, from_hex(lines)) for first, lines in json.loads(row.multiline)]
            analysis = FileStatements(from_numbits(row.statements), from_numbits(row.excluded), multiline)
            found[row.content] = row.error or analysis
    return found


def save_statements(connection: sa.Connection, rules: str, analysed: Mapping[str, Analysed]) -> None:
    """Store the analysis of contents."""
    nothing = FileStatements(0)
    rows = []
    for content, result in analysed.items():
        analysis = nothing if isinstance(result, str) else result
        rows.append(
            {
                "content": content,
                "rules": rules,
                "statements": to_numbits(analysis.statements),
                "excluded": to_numbits(analysis.excluded),
                "multiline": json.dumps([[first, to_hex(lines)] for first, lines in analysis.multiline]),
                "error": storable(result) if isinstance(result, str) else "",
            }
        )
    if rows:
        connection.execute(insert_missing(connection, schema.statements), rows)
