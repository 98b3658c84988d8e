"""The tables of tests and routes, and what of a suite executes nothing of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...queries.lists import Group
from ...queries.suites import CAUTION
from ..snapshot import Figures
from .context import Visit
from .pagination import Sorting, part, sort, sorting

_COLUMNS: dict[str, Callable[[Group], Any]] = {
    "requests": lambda member: member.requests,
    "tests": lambda member: member.tests,
    "ms": lambda member: member.duration_ms,
    "lines": lambda member: member.lines,
    "own": lambda member: member.own_lines,
}


def _mean(member: Group) -> float:
    return member.mean_ms


def list_tests(visit: Visit) -> Response:
    """Answer with the table of tests."""
    listed = visit.take(visit.reader.tests())
    return _list(visit, "tests", listed.figures, listed.content)


def list_routes(visit: Visit) -> Response:
    """Answer with the table of routes, and the methods of URL rules that no request has asked for."""
    listed = visit.take(visit.reader.routes())
    found = listed.content
    return _list(visit, "routes", listed.figures, found.routes, unused=found.unused, rules=found.rules)


def _list(visit: Visit, kind: str, figures: Figures, members: Sequence[Group], **values: Any) -> Response:
    given = visit.parameters(sort=sorting(("name", *_COLUMNS)), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    found = [member for member in members if wanted in member.name.lower()]
    # In natural order already.
    key = _mean if (kind, by.column) == ("routes", "ms") else _COLUMNS.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = part(found, given.get("page", 1))
    return visit.render(f"{kind}.html", figures=figures, rows=rows, sorting=by, q=given.get("q", ""), **values)


def show_duplicates(visit: Visit) -> Response:
    """Answer with duplicates, subsumed ones, and what the smallest suite would save."""
    given = visit.parameters(by=one_of(("test", "request")), groups=page_number, subsumed=page_number, kept=page_number)
    listed = visit.take(visit.reader.redundant(given.get("by")))
    found, smallest = listed.content.redundancy, listed.content.smallest
    return visit.render(
        "duplicates.html",
        figures=listed.figures,
        totals=found.totals,
        found=found,
        smallest=smallest,
        groups=part(found.groups, given.get("groups", 1)),
        subsumed=part(found.subsumed, given.get("subsumed", 1)),
        kept=part(smallest.kept, given.get("kept", 1)),
        caution=CAUTION,
    )
