"""The questions of ``requests``, ``tests``, ``routes``, ``diff`` and ``who``, answered with objects for JSON."""

from __future__ import annotations

from typing import Any

from ...errors import ConfigurationError
from ...exports.dump import relative_lines, relative_path
from ...model.filters import Filters
from ...model.outcomes import find_outcome, outcome_object
from ...model.records import Trace
from ...model.text import printable
from ...queries.line_hits import who_executed
from ...queries.lists import Group, count_lines, list_routes, list_tests, newest_requests
from ...queries.lookup import KINDS, Kind, Subject, difference, executed_lines, find_subjects
from ...queries.suite_outcomes import outcomes_of
from ...store import RunQueries
from .line_references import find_line_reference
from .reporting import warn

# The most names that an error lists.
_SHOWN_NAMES = 5

Row = dict[str, Any]


# Lists


def requests_object(queries: RunQueries, filters: Filters, limit: int | None) -> Row:
    """The newest requests, at most ``limit``, and the number of all; the outcome of the test, if filtered by one."""
    found = newest_requests(queries, filters, limit)
    lines = count_lines(queries, found.requests)
    requests = [{**request.to_object(), "lines": lines[request.id]} for request in found.requests]
    about = {} if filters.test is None else outcome_object(find_outcome(queries.outcomes, filters.test))
    return {"total": found.total, "requests": requests, **about}


def tests_object(queries: RunQueries, filters: Filters) -> Row:
    """The tests, in the natural order of their names."""
    tests = [{**_group_row(test, "test"), **outcome_object(test.outcome)} for test in list_tests(queries, filters)]
    return {"tests": tests, "requests_without_test": queries.requests.count_without_test(filters)}


def routes_object(queries: RunQueries, filters: Filters) -> Row:
    """The routes, including those of the application that were never requested."""
    found = list_routes(queries, filters)
    return {
        "routes": [{**_group_row(route, "route"), "tests": route.tests} for route in found.all_routes()],
        "never_hit": found.never_hit(),
        "unused_methods": found.unused_methods(),
    }


def _group_row(group: Group, kind: str) -> Row:
    return {
        kind: group.name,
        "requests": group.requests,
        "duration_ms": round(group.duration_ms, 3),
        "lines": group.lines,
        "own_lines": group.own_lines,
    }


# One of them


def subject_object(queries: RunQueries, name: str, kind: Kind) -> Row:
    """The lines of a request, test or route, by file. Raises ConfigurationError if there is none of that name."""
    subject = find_one(queries, name, kind)
    if subject.record is not None:
        about = subject.record.to_object()
    else:
        about = {kind: subject.name, "requests": subject.requests, "duration_ms": round(subject.duration_ms, 3)}
        if kind == "test":
            about.update(outcome_object(subject.outcome))
    return {**about, "files": relative_lines(executed_lines(queries, subject), queries.root)}


def find_one(queries: RunQueries, name: str, kind: Kind | None = None) -> Subject:
    """The request, test or route called ``name``, of this ``kind`` or of any.

    A route may be named without its method, and a test or a route by the end of its name, if no other one ends so.
    Raises ConfigurationError if there is none, or more than one.
    """
    kinds = [kind] if kind else KINDS
    found = find_subjects(queries, name, kinds)
    # In the order of `kinds`, each once.
    found_kinds = list(dict.fromkeys(subject.kind for subject in found))
    if len(found_kinds) > 1:
        raise ConfigurationError(f"{name!r} is a {' and a '.join(found_kinds)}: choose with --by")
    if len(found) > 1:
        names = ", ".join(printable(subject.name) for subject in found[:_SHOWN_NAMES])
        raise ConfigurationError(f"{name!r} can be any of {names}: give more of its name")
    if not found:
        lists = " or ".join(f"`flask livecov {kind}s`" for kind in kinds)
        raise ConfigurationError(f"no {' or '.join(kinds)} {name!r} was recorded: see {lists}")
    return found[0]


def diff_object(queries: RunQueries, first: str, second: str, kind: Kind | None) -> Row:
    """The lines that only one of two requests, tests or routes executed, and the number of those that both did."""
    a, b = (find_one(queries, name, kind) for name in (first, second))
    found = difference(executed_lines(queries, a), executed_lines(queries, b))
    return {
        "a": a.name,
        "b": b.name,
        "a_outcome": a.outcome and a.outcome.outcome,
        "b_outcome": b.outcome and b.outcome.outcome,
        "only_a": relative_lines(found.only_a, queries.root),
        "only_b": relative_lines(found.only_b, queries.root),
        "both": _count(found.both),
    }


def _count(trace: Trace) -> int:
    return sum(lines.lines.bit_count() for lines in trace.files.values())


def who_object(queries: RunQueries, reference: str, limit: int) -> Row:
    """The tests, routes and requests that executed a line, written ``FILE:LINE``.

    All lines of a statement are the same place. Raises ConfigurationError if ``reference`` names no line, or one that
    requests cannot execute.
    """
    found = find_line_reference(queries, reference)
    hits = who_executed(queries, found.line, limit)
    outcomes = outcomes_of(queries, [test for test, _ in hits.tests])
    if found.why_never and not hits.requests and not hits.at_startup:
        raise ConfigurationError(found.why_never)
    if found.line.content is None:
        warn(f"{found.line.path} is not here as it was recorded: lines have the numbers that they had then")
    return {
        "file": relative_path(found.line.path, queries.root),
        "line": found.line.number,
        "requests": hits.requests,
        "startup": hits.at_startup,
        "tests": [
            {"test": test, "requests": count, "outcome": outcomes[test].outcome if test in outcomes else None}
            for test, count in hits.tests
        ],
        "routes": [{"route": route, "requests": count} for route, count in hits.routes],
        "latest": [request.to_object() for request in hits.latest],
    }
