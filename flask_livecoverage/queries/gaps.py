"""Ranks the gaps in coverage by the traffic of routes, recorded or from an access log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..analysis.priorities import File, Priority, rank
from ..model.records import ExecutionTotals, Trace
from ..sources.content import read_source
from ..sources.functions import Function, functions_in
from ..store import RunQueries
from .routes import UnusedRule, merged_name, unused_rules
from .statements import Statements, read_statements


@dataclass(frozen=True)
class RecordedRoutes:
    """The recorded requests of an application's routes, by name, HEAD with GET.

    ``traces`` are those of requests, by id, ``ambient`` those of lines that ran outside of requests. ``unused`` are the
    rules without requests.
    """

    routes: Mapping[str, ExecutionTotals]
    traces: Mapping[str, Trace]
    ambient: Sequence[Trace]
    unused: Sequence[UnusedRule]
    root: str

    @property
    def files(self) -> set[str]:
        """The paths of the files that requests executed."""
        return {path for trace in self.traces.values() for path in trace.files}

    @property
    def traffic(self) -> dict[str, int]:
        """The number of recorded requests of each route."""
        return {name: route.requests for name, route in self.routes.items()}

    def never_hit(self) -> list[str]:
        """The routes without requests. Flask's own route for static files has no code to cover."""
        return list(dict.fromkeys(name for rule in self.unused if rule.endpoint != "static" for name in rule.routes))


def recorded_routes(queries: RunQueries) -> RecordedRoutes:
    """Read the recorded requests by their routes."""
    routes = _merged(queries.groups.executed("route"))
    unused = unused_rules(queries.rules(), routes)
    return RecordedRoutes(routes, queries.lines.traces(), queries.lines.ambient(), unused, queries.root)


def _merged(routes: Iterable[ExecutionTotals]) -> dict[str, ExecutionTotals]:
    """The routes by their names, HEAD with GET."""
    merged: dict[str, ExecutionTotals] = {}
    for route in routes:
        name = merged_name(route.name)
        known = merged.get(name, ExecutionTotals(name, 0, 0.0, ()))
        merged[name] = ExecutionTotals(
            name,
            known.requests + route.requests,
            known.duration_ms + route.duration_ms,
            [*known.traces, *route.traces],
        )
    return merged


@dataclass(frozen=True)
class Traffic:
    """The number of requests of each route, by which routes are weighed.

    ``views`` are the view functions, with their files, of routes that were not recorded. ``unmatched`` counts the
    requests that match no route.
    """

    by_route: Mapping[str, int]
    views: Mapping[str, Sequence[tuple[str, Function]]] = field(default_factory=dict)
    unmatched: int = 0


@dataclass(frozen=True)
class Priorities:
    """The routes to cover next, the most urgent first.

    ``requests`` is the number of all requests that count, ``unmatched`` of those that match no route. ``never_hit`` are
    routes that no recorded request was for. ``statements`` (by file) and ``root`` are for showing the gaps.
    ``warnings`` name the files that were left out.
    """

    ranked: Sequence[Priority]
    requests: int
    unmatched: int
    never_hit: Sequence[str]
    statements: Mapping[str, int]
    root: str
    warnings: Sequence[str]


def find_priorities(recorded: RecordedRoutes, traffic: Traffic) -> Priorities:
    """Rank the routes by their traffic and the gaps in the functions that they enter.

    Raises DataError if none of the recorded files is here.
    """
    files = {path for views in traffic.views.values() for path, _ in views}
    statements = read_statements([*recorded.traces.values(), *recorded.ambient], files)
    return rank_gaps(recorded, traffic, statements, read_functions)


def rank_gaps(
    recorded: RecordedRoutes, traffic: Traffic, statements: Statements, functions: Callable[[str], Sequence[Function]]
) -> Priorities:
    """As :func:`find_priorities`, with ``statements`` and the ``functions`` of each file that are known already."""
    return Priorities(
        ranked=rank(
            traffic.by_route, _executed(recorded.routes, statements), _files(statements, functions), traffic.views
        ),
        requests=sum(traffic.by_route.values()),
        unmatched=traffic.unmatched,
        never_hit=recorded.never_hit(),
        statements=statements.all,
        root=recorded.root,
        warnings=statements.warnings,
    )


def _executed(routes: Mapping[str, ExecutionTotals], statements: Statements) -> dict[str, dict[str, int]]:
    executed: dict[str, dict[str, int]] = {}
    for name, route in routes.items():
        files = executed.setdefault(name, {})
        for trace in route.traces:
            for path, lines in statements.executed.get(trace, {}).items():
                files[path] = files.get(path, 0) | lines
    return executed


def _files(statements: Statements, functions: Callable[[str], Sequence[Function]]) -> dict[str, File]:
    return {path: File(functions(path), missing) for path, missing in statements.missing.items() if missing}


def read_functions(path: str) -> list[Function]:
    """The functions in the file at ``path``; none if it is gone since it was recorded."""
    try:
        return functions_in(read_source(path))
    except OSError:
        return []
