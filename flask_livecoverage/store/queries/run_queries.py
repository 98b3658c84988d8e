"""All queries on some runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import sqlalchemy as sa

from ...model.outcomes import Outcome
from ...model.records import Rule
from .. import losses, schema
from .base import QueryBase
from .contents import ContentQueries
from .groups import GroupQueries
from .lines import LineQueries
from .outcome_queries import load_outcomes
from .requests import RequestQueries
from .window_queries import WindowQueries


class RunQueries:
    """Queries on some runs, as they were stored when this object was made.

    :param runs: their numbers in the store.
    :param period: the only period that counts; all if None.
    """

    def __init__(self, connection: sa.Connection, runs: Sequence[int], period: int | None = None) -> None:
        self._base = base = QueryBase(connection, runs, period)
        self.requests = RequestQueries(base)
        self.lines = LineQueries(base, self.requests)
        self.groups = GroupQueries(base)
        self.windows = WindowQueries(base)
        self.contents = ContentQueries(base)

    @property
    def root(self) -> str:
        """The folder in which the server ran; paths are shown relative to it. Empty if nothing was recorded."""
        return self._base.root

    @cached_property
    def outcomes(self) -> Mapping[str, Outcome]:
        """The last outcome of each test, by the test's name, in the order of the names."""
        return load_outcomes(self._base)

    def rules(self) -> list[Rule]:
        """Return the URL rules of the application, sorted; empty if no process has recorded them."""
        table = schema.rules.c
        query = sa.select(table.rule, table.endpoint, table.methods).where(table.run.in_(self._base.runs))
        methods: dict[tuple[str, str], set[str]] = {}
        for rule, endpoint, names in self._base.connection.execute(query):
            methods.setdefault((rule, endpoint), set()).update(filter(None, names.split(",")))
        return [Rule(rule, endpoint, sorted(names)) for (rule, endpoint), names in sorted(methods.items())]

    def imports(self) -> set[tuple[str, str]]:
        """Return the imports that processes have recorded: a file of the application, and one that it imports."""
        table = schema.imports.c
        query = sa.select(table.importer, table.imported).where(table.run.in_(self._base.runs))
        return {(importer, imported) for importer, imported in self._base.connection.execute(query)}

    def times(self) -> tuple[float, float | None]:
        """Return when the first process started and when the last response ended, in UNIX seconds.

        0 if no process has recorded its start, None without requests.
        """
        starts = [journal.started_at for journal in self._base.journals.values() if journal.started_at]
        table = schema.requests.c
        ends = sa.func.max(table.started_at + table.duration_us / 1e6)
        ended = self._base.connection.execute(sa.select(ends).where(table.period.in_(self._base.periods))).scalar()
        return min(starts, default=0.0), ended

    def processes(self) -> int:
        """Return how many processes have taken part."""
        return sum(journal.root is not None for journal in self._base.journals.values())

    def lost(self) -> int:
        """Return how many records could not be written, as counted in the journals."""
        return losses.of_journals(self._base.connection, self._base.journals).total()
