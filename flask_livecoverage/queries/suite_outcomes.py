"""The outcomes of a suite's tests, and its tests that sent no request."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from ..model.filters import Filters
from ..model.outcomes import Outcome, find_outcome
from ..model.records import RequestRecord
from ..store import RunQueries


def outcomes_of(queries: RunQueries, names: Iterable[str]) -> dict[str, Outcome]:
    """The outcomes of these tests, and of these parts of tests; without those that have none."""
    found = ((name, find_outcome(queries.outcomes, name)) for name in names)
    return {name: outcome for name, outcome in found if outcome is not None}


def outcomes_of_requests(queries: RunQueries, requests: Iterable[RequestRecord]) -> dict[str, Outcome]:
    """The outcomes of the tests that these requests belong to."""
    names = {request.test for request in requests if request.test is not None}
    return outcomes_of(queries, names) if names else {}


def outcomes_without_requests(
    queries: RunQueries, filters: Filters | None, named: Collection[str]
) -> Sequence[Outcome]:
    """The outcomes of the tests that sent no request: of those that no request names (``named``).

    Filters by route and status select requests, so there are none then.
    """
    if filters is not None and (filters.route is not None or filters.status is not None):
        return []
    since = -1.0 if filters is None or filters.since is None else filters.since
    wanted = None if filters is None else filters.test
    return [
        outcome
        for name, outcome in queries.outcomes.items()
        if name not in named and wanted in (None, name) and outcome.at >= since
    ]


def count_tests(queries: RunQueries) -> int:
    """The number of tests that requests name, or that have an outcome."""
    return len({*queries.groups.names_of_tests(), *queries.outcomes})
