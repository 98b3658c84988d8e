"""The tables of tests and routes, and what of a suite executes nothing of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...queries.suites import CAUTION
from ..run_reader import Listed
from .context import Visit
from .pagination import Sorting, part, sort, sorting
from .suite_figures import Member

_COLUMNS: dict[str, Callable[[Member], Any]] = {
    "requests": lambda member: member.requests,
    "tests": lambda member: member.tests,
    "ms": lambda member: member.duration_ms,
    "lines": lambda member: member.lines,
    "own": lambda member: member.own,
}


def _mean(member: Member) -> float:
    return member.mean_ms


def list_tests(visit: Visit) -> Response:
    """Answer with the table of tests."""
    return _list(visit, "tests", visit.take(visit.reader.tests()))


def list_routes(visit: Visit) -> Response:
    """Answer with the table of routes, and the methods of URL rules that no request has asked for."""
    listed = visit.take(visit.reader.routes())
    hit = {route.name for route in listed.content}
    hit_rules = {name.partition(" ")[2] for name in hit}
    unused = [
        Unused(rule.rule, methods, rule.endpoint, rule.rule in hit_rules)
        for rule in listed.rules
        if (methods := [method for method in rule.methods if f"{method} {rule.rule}" not in hit])
    ]
    return _list(visit, "routes", listed, unused=unused, rules=listed.rules)


@dataclass(frozen=True)
class Unused:
    """Methods of a rule that nobody has asked for; ``is_hit`` is whether anybody has with another method."""

    rule: str
    methods: Sequence[str]
    endpoint: str
    is_hit: bool


def _list(visit: Visit, kind: str, listed: Listed[Sequence[Member]], **values: Any) -> Response:
    given = visit.parameters(sort=sorting(("name", *_COLUMNS)), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    found = [member for member in listed.content if wanted in member.name.lower()]
    # In natural order already.
    key = _mean if (kind, by.column) == ("routes", "ms") else _COLUMNS.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = part(found, given.get("page", 1))
    return visit.render(f"{kind}.html", figures=listed.figures, rows=rows, sorting=by, q=given.get("q", ""), **values)


def show_duplicates(visit: Visit) -> Response:
    """Answer with duplicates, subsumed ones, and what the smallest suite would save."""
    given = visit.parameters(by=one_of(("test", "request")), groups=page_number, subsumed=page_number, kept=page_number)
    listed = visit.take(visit.reader.redundant(given.get("by")))
    found = listed.content
    return visit.render(
        "duplicates.html",
        figures=listed.figures,
        found=found,
        groups=part(found.groups, given.get("groups", 1)),
        subsumed=part(found.subsumed, given.get("subsumed", 1)),
        kept=part(found.kept, given.get("kept", 1)),
        caution=CAUTION,
    )
