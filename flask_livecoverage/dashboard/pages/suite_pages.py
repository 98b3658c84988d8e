"""The tables of tests, routes, and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...queries.suites import CAUTION
from ..run_reader import Listed
from .context import PageContext
from .pagination import Sorting, paginate, sort, sorting
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


def list_tests(context: PageContext) -> Response:
    """Answer with the table of tests."""
    return _list(context, "tests", context.take(context.reader.tests()))


def list_routes(context: PageContext) -> Response:
    """Answer with the table of routes, and the methods of URL rules that no request has used."""
    listed = context.take(context.reader.routes())
    hit = {route.name for route in listed.content}
    hit_rules = {name.partition(" ")[2] for name in hit}
    unused = [
        Unused(rule.rule, methods, rule.endpoint, rule.rule in hit_rules)
        for rule in listed.rules
        if (methods := [method for method in rule.methods if f"{method} {rule.rule}" not in hit])
    ]
    return _list(context, "routes", listed, unused=unused, rules=listed.rules)


@dataclass(frozen=True)
class Unused:
    """Methods of a rule that no request has used; ``is_hit`` is whether one has used another method of the rule."""

    rule: str
    methods: Sequence[str]
    endpoint: str
    is_hit: bool


def _list(context: PageContext, kind: str, listed: Listed[Sequence[Member]], **values: Any) -> Response:
    given = context.parameters(sort=sorting(("name", *_COLUMNS)), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    found = [member for member in listed.content if wanted in member.name.lower()]
    # They are already in natural order.
    key = _mean if (kind, by.column) == ("routes", "ms") else _COLUMNS.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = paginate(found, given.get("page", 1))
    return context.render(
        f"{kind}.html", snapshot=listed.snapshot, rows=rows, sorting=by, q=given.get("q", ""), **values
    )


def show_duplicates(context: PageContext) -> Response:
    """Answer with the duplicates, the subsumed tests or requests, and the smallest suite."""
    given = context.parameters(
        by=one_of(("test", "request")), groups=page_number, subsumed=page_number, kept=page_number
    )
    listed = context.take(context.reader.redundant(given.get("by")))
    found = listed.content
    return context.render(
        "duplicates.html",
        snapshot=listed.snapshot,
        found=found,
        groups=paginate(found.groups, given.get("groups", 1)),
        subsumed=paginate(found.subsumed, given.get("subsumed", 1)),
        kept=paginate(found.kept, given.get("kept", 1)),
        caution=CAUTION,
    )
