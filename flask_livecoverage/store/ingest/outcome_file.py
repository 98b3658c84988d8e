"""Stores the outcomes of a run's tests. Their file is small, so it is read as a whole whenever it has changed."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from ...journal.outcomes import describe_unreadable, read_outcomes
from ...journal.run_folder import RunFolder
from ...model.outcomes import Outcome
from .. import schema
from ..dialect import insert_missing, writing


def sync_outcomes(engine: sa.Engine, run: int, folder: RunFolder) -> list[str]:
    """Bring the outcomes of ``run`` up to date with the file in ``folder``; return warnings of what cannot be read."""
    table = schema.outcome_files.c
    known = sa.select(table.size, table.unreadable).where(table.run == run)
    with engine.connect() as connection:
        row = connection.execute(known).one_or_none()
    size, unreadable = (0, 0) if row is None else row
    if size == folder.outcomes_size():
        return list(filter(None, [describe_unreadable(folder.outcomes_path, unreadable)]))
    with writing(engine).begin() as connection:
        connection.execute(insert_missing(connection, schema.outcome_files), [{"run": run}])
        # Before the file is read, so that of several processes the last one to write has read the newest content.
        connection.execute(known.with_for_update())
        return _replace(connection, run, folder)


def _replace(connection: sa.Connection, run: int, folder: RunFolder) -> list[str]:
    found = read_outcomes(folder)
    connection.execute(sa.delete(schema.outcomes).where(schema.outcomes.c.run == run))
    rows = list(_rows(run, found.outcomes.values(), folder.mark_times()))
    if rows:
        connection.execute(sa.insert(schema.outcomes), rows)
    about = {"size": found.size, "unreadable": found.unreadable}
    connection.execute(sa.update(schema.outcome_files).where(schema.outcome_files.c.run == run).values(about))
    return list(found.warnings)


def _rows(run: int, outcomes: Iterable[Outcome], marks: Sequence[float]) -> Iterator[dict[str, Any]]:
    marks = sorted(marks)
    for outcome in outcomes:
        yield {
            "run": run,
            "test": outcome.test,
            "outcome": outcome.outcome,
            "duration_us": _microseconds(outcome),
            "at": outcome.at,
            "period": bisect_right(marks, outcome.at),
            "files": json.dumps(list(outcome.files)),
        }


def _microseconds(outcome: Outcome) -> int | None:
    return None if outcome.duration_ms is None else round(outcome.duration_ms * 1000)
