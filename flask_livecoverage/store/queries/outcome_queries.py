"""The outcomes of tests."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import sqlalchemy as sa

from ...model.outcomes import Outcome
from .. import schema
from .base import QueryBase


def load_outcomes(base: QueryBase) -> dict[str, Outcome]:
    """Return the last outcome of each test in some runs, by the test's name, in the order of the names.

    With a period, only outcomes that were reported in it.
    """
    table = schema.outcomes.c
    query = sa.select(schema.outcomes).where(table.run.in_(base.runs)).order_by(table.at, table.run)
    if base.period is not None:
        query = query.where(table.period == base.period)
    # Many tests have the same files.
    files = cache(_files)
    found = {row.test: _outcome(row, files(row.files)) for row in base.connection.execute(query)}
    # Sorted here, because databases sort texts in different orders.
    return dict(sorted(found.items()))


def _files(text: str) -> tuple[str, ...]:
    return tuple(json.loads(text))


def _outcome(row: Any, files: tuple[str, ...]) -> Outcome:
    duration_ms = None if row.duration_us is None else row.duration_us / 1000
    return Outcome(row.test, row.outcome, duration_ms, row.at, files)
