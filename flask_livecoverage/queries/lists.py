"""Lists of the recorded requests, tests and routes, with the number of lines of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from ..analysis.suite import Suite, natural_key
from ..model.filters import Filters
from ..model.outcomes import Outcome
from ..model.records import RequestRecord, Rule
from ..store import RunQueries
from ..store.queries.requests import Sort
from .counted_lines import LineSelection, as_recorded
from .routes import UnusedRule, unused_rules
from .suite_outcomes import outcomes_of, outcomes_without_requests


@dataclass(frozen=True)
class RequestList:
    """Some of the requests that a question is about; ``total`` is the number of all of them."""

    requests: Sequence[RequestRecord]
    total: int


def newest_requests(queries: RunQueries, filters: Filters | None = None, limit: int | None = None) -> RequestList:
    """The newest requests, at most ``limit``."""
    return RequestList(queries.requests.newest(filters, limit), queries.requests.count(filters))


def sorted_requests(
    queries: RunQueries,
    filters: Filters,
    sort: Sort,
    limit: int,
    offset: int = 0,
    *,
    descending: bool = True,
    total: int | None = None,
) -> RequestList:
    """The requests from ``offset`` on, at most ``limit``, in the order of ``sort``; of equal ones, the newest first.

    They are counted, unless the caller passes their ``total``.
    """
    requests = queries.requests.page(filters, sort, limit, offset, descending=descending)
    return RequestList(requests, queries.requests.count(filters) if total is None else total)


def requests_by_lines(
    queries: RunQueries, filters: Filters, lines: Mapping[str, int], limit: int, offset: int, *, descending: bool
) -> RequestList:
    """As :func:`sorted_requests`, in the order of the number of their ``lines`` (by the traces' ids)."""
    requests = queries.requests.page_by_trace(filters, lines, limit, offset, descending=descending)
    return RequestList(requests, queries.requests.count(filters))


def requests_by_new_lines(
    queries: RunQueries,
    filters: Filters,
    first_at: Mapping[str, float],
    new: Callable[[RequestRecord], int],
    *,
    descending: bool,
) -> Sequence[RequestRecord]:
    """The requests that were the first to run a line, in the order of the number of these lines, ``new``.

    ``first_at`` is when each such trace first occurred, by the traces' ids.
    """
    requests = queries.requests.first_of_traces(first_at, filters)
    return sorted(requests, key=lambda request: (new(request), request.started_at), reverse=descending)


def count_lines(queries: RunQueries, requests: Iterable[RequestRecord]) -> dict[str, int]:
    """The number of recorded lines of each of ``requests``, by their ids."""
    requests = list(requests)
    counts = queries.lines.line_counts({request.trace for request in requests})
    return {request.id: counts.get(request.trace, 0) for request in requests}


@dataclass(frozen=True)
class Group:
    """The requests of a test or a route together; ``own_lines`` counts the lines that no other one executed.

    ``tests`` counts the tests of a route; it is 0 for a test. ``outcome`` is that of a test, None if it is not known.
    """

    name: str
    requests: int = 0
    tests: int = 0
    duration_ms: float = 0.0
    lines: int = 0
    own_lines: int = 0
    outcome: Outcome | None = None

    @property
    def mean_ms(self) -> float:
        """The time that the server spent on one of its requests, on average."""
        return self.duration_ms / self.requests if self.requests else 0.0


def list_tests(
    queries: RunQueries, filters: Filters | None = None, select: LineSelection = as_recorded
) -> Sequence[Group]:
    """The tests that requests named, and those with an outcome and no request, in the natural order of their names."""
    named = _groups(queries, "test", filters, select, {})
    outcomes = outcomes_of(queries, [test.name for test in named])
    tests = [replace(test, outcome=outcomes.get(test.name)) for test in named]
    others = outcomes_without_requests(queries, filters, {test.name for test in named})
    tests += (Group(outcome.test, outcome=outcome) for outcome in others)
    return sorted(tests, key=lambda test: natural_key(test.name))


@dataclass(frozen=True)
class RouteList:
    """The ``routes`` that were requested, in natural order; all ``rules`` of the application, and the ``unused``."""

    routes: Sequence[Group]
    rules: Sequence[Rule]
    unused: Sequence[UnusedRule]

    def all_routes(self) -> list[Group]:
        """The routes that were requested, and the unused ones, by rule and method."""
        unused = {name for rule in self.unused for name in rule.routes}
        return sorted([*self.routes, *map(Group, unused)], key=_by_rule)

    def never_hit(self) -> list[str]:
        """The rules without requests, sorted."""
        return sorted({unused.rule for unused in self.unused if not unused.is_hit})

    def unused_methods(self) -> dict[str, list[str]]:
        """For rules with requests, the methods that no request used, sorted."""
        methods: dict[str, set[str]] = {}
        for unused in self.unused:
            if unused.is_hit:
                methods.setdefault(unused.rule, set()).update(unused.methods)
        return {rule: sorted(names) for rule, names in sorted(methods.items())}


def list_routes(queries: RunQueries, filters: Filters | None = None, select: LineSelection = as_recorded) -> RouteList:
    """The routes that were requested, and the rules and methods that no request used."""
    routes = _groups(queries, "route", filters, select, queries.groups.tests_by_route(filters))
    rules = queries.rules()
    return RouteList(routes, rules, unused_rules(rules, [route.name for route in routes]))


def _groups(
    queries: RunQueries,
    by: Literal["test", "route"],
    filters: Filters | None,
    select: LineSelection,
    tests: Mapping[str, int],
) -> list[Group]:
    traces = {digest: select(trace) for digest, trace in queries.lines.traces(filters).items()}
    suite = Suite.of(queries.groups.executed(by, filters), traces)
    return [
        Group(
            member.name,
            member.requests,
            tests.get(member.name, 0),
            member.duration_ms,
            suite.lines(member).bit_count(),
            own.bit_count(),
        )
        for member, own in zip(suite.members, suite.own_lines(), strict=True)
    ]


def _by_rule(group: Group) -> tuple[str, str]:
    method, _, rule = group.name.partition(" ")
    return rule, method
