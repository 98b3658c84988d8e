"""Stores the outcomes of a run's tests: those that were added to their file since it was last read."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ...journal.format import describe_unreadable
from ...journal.outcomes import parse_lines
from ...journal.run_folder import RunFolder
from ...model.data_files import open_for_reading
from ...model.outcomes import Outcome
from .. import schema
from ..dialect import chunks, insert_missing, writing

_outcomes, _files = schema.outcomes, schema.outcome_files


class _State(NamedTuple):
    """The file as it was last read: columns of its row."""

    position: int = 0
    size: int = 0
    unreadable: int = 0


def sync_outcomes(engine: sa.Engine, run: int, folder: RunFolder) -> list[str]:
    """Bring the outcomes of ``run`` up to date with the file in ``folder``; return warnings of what cannot be read."""
    with engine.connect() as connection:
        state = _last_state(connection, run)
    if state.size != folder.outcomes_size():
        try:
            state = _update(engine, run, folder)
        except OSError as error:
            return [f"{folder.outcomes_path}: cannot be read ({error.strerror}), skipped"]
    # An incomplete line at the end is being written, or was torn.
    skipped = state.unreadable + (state.position < state.size)
    return [describe_unreadable(folder.outcomes_path, skipped)] if skipped else []


def _last_state(connection: sa.Connection, run: int) -> _State:
    query = sa.select(_files.c.position, _files.c.size, _files.c.unreadable).where(_files.c.run == run)
    # In a transaction that writes, the row is locked, where databases have locks for rows.
    writes = bool(connection.get_execution_options().get("writes"))
    found = connection.execute(query.with_for_update() if writes else query).one_or_none()
    return _State() if found is None else _State(*found)


def _update(engine: sa.Engine, run: int, folder: RunFolder) -> _State:
    with writing(engine).begin() as connection:
        connection.execute(insert_missing(connection, _files), [{"run": run}])
        # The file is read after that, so several processes take turns.
        state = _last_state(connection, run)
        if folder.outcomes_size() < state.position:
            # It was removed or truncated.
            connection.execute(sa.delete(_outcomes).where(_outcomes.c.run == run))
            state = _State()
        data = _content(folder, state.position)
        whole = data.rfind(b"\n") + 1
        outcomes, _, unreadable = parse_lines(data[:whole])
        _put(connection, run, outcomes, sorted(folder.mark_times()))
        state = _State(state.position + whole, state.position + len(data), state.unreadable + unreadable)
        connection.execute(sa.update(_files).where(_files.c.run == run).values(state._asdict()))
        return state


def _content(folder: RunFolder, position: int) -> bytes:
    """Return the content of the file from ``position`` on; empty if there is none. Raises OSError."""
    try:
        with open_for_reading(folder.outcomes_path) as file:
            file.seek(position)
            return file.read()
    except FileNotFoundError:
        return b""


def _put(connection: sa.Connection, run: int, outcomes: Mapping[str, Outcome], marks: Sequence[float]) -> None:
    known: dict[str, float] = {}
    of_run = _outcomes.c.run == run
    for names in chunks(list(outcomes)):
        query = sa.select(_outcomes.c.test, _outcomes.c.at).where(of_run, _outcomes.c.test.in_(names))
        known.update((row.test, row.at) for row in connection.execute(query))
    newer = [outcome for test, outcome in outcomes.items() if outcome.at >= known.get(test, outcome.at)]
    for names in chunks([outcome.test for outcome in newer if outcome.test in known]):
        connection.execute(sa.delete(_outcomes).where(of_run, _outcomes.c.test.in_(names)))
    if newer:
        connection.execute(sa.insert(_outcomes), list(_rows(run, newer, marks)))


def _rows(run: int, outcomes: Iterable[Outcome], marks: Sequence[float]) -> Iterator[dict[str, Any]]:
    """Yield the rows of ``outcomes``; ``marks`` are the times of the resets, ascending."""
    for outcome in outcomes:
        yield {
            "run": run,
            "test": outcome.test,
            "outcome": outcome.outcome,
            "duration_us": None if outcome.duration_ms is None else round(outcome.duration_ms * 1000),
            "at": outcome.at,
            "period": bisect_right(marks, outcome.at),
            "files": json.dumps(list(outcome.files)),
        }
