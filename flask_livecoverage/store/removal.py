"""Removes a run from the store, and what no other run uses."""

from __future__ import annotations

import sqlalchemy as sa

from . import losses, schema
from .identity import renew_identity
from .shared_rows import remove_unused, shared_rows_of

# The tables that have rows for each run. Tests, routes, files, traces and contents are shared by all runs.
_OF_RUN = (
    schema.late_updates, schema.windows, schema.ambient, schema.rules, schema.sources, schema.imports, schema.outcomes,
    schema.outcome_files, schema.run_traces, schema.run_contents, schema.periods, schema.journals,
)  # fmt: skip


def remove_run(connection: sa.Connection, name: str) -> None:
    """Remove all rows of the run ``name``, and those that it alone used. Does nothing if the store has none."""
    run = connection.execute(sa.select(schema.runs.c.id).where(schema.runs.c.name == name)).scalar()
    if run is None:
        return
    # First, because until the end of this transaction, no other process may use a row that is removed here.
    renew_identity(connection)
    shared = shared_rows_of(connection, run)
    _remove_rows(connection, run)
    remove_unused(connection, shared)


def _remove_rows(connection: sa.Connection, run: int) -> None:
    periods = sa.select(schema.periods.c.id).where(schema.periods.c.run == run).scalar_subquery()
    for table in (schema.requests, schema.executions):
        connection.execute(sa.delete(table).where(table.c.period.in_(periods)))
    journals = connection.execute(sa.select(schema.journals.c.id).where(schema.journals.c.run == run)).scalars().all()
    losses.remove(connection, journals)
    for table in _OF_RUN:
        connection.execute(sa.delete(table).where(table.c.run == run))
    connection.execute(sa.delete(schema.runs).where(schema.runs.c.id == run))
