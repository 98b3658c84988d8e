"""The tables of tests, routes, and duplicates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...queries.lists import Group
from ...queries.suites import CAUTION
from ..snapshot import Snapshot
from .context import PageContext
from .pagination import Sorting, paginate, sort, sorting

_COLUMNS: dict[str, Callable[[Group], Any]] = {
    "requests": lambda group: group.requests,
    "tests": lambda group: group.tests,
    "ms": lambda group: group.duration_ms,
    "lines": lambda group: group.lines,
    "own": lambda group: group.own_lines,
}


def _mean(group: Group) -> float:
    return group.mean_ms


def list_tests(context: PageContext) -> Response:
    """Answer with the table of tests."""
    listed = context.take(context.reader.tests())
    return _list(context, "tests", listed.snapshot, listed.content)


def list_routes(context: PageContext) -> Response:
    """Answer with the table of routes, and the methods of URL rules that no request has used."""
    listed = context.take(context.reader.routes())
    found = listed.content
    return _list(context, "routes", listed.snapshot, found.routes, unused=found.unused, rules=found.rules)


def _list(context: PageContext, kind: str, snapshot: Snapshot, groups: Sequence[Group], **values: Any) -> Response:
    given = context.parameters(sort=sorting(("name", *_COLUMNS)), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    found = [group for group in groups if wanted in group.name.lower()]
    # They are already in natural order.
    key = _mean if (kind, by.column) == ("routes", "ms") else _COLUMNS.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = paginate(found, given.get("page", 1))
    return context.render(f"{kind}.html", snapshot=snapshot, rows=rows, sorting=by, q=given.get("q", ""), **values)


def show_duplicates(context: PageContext) -> Response:
    """Answer with the duplicates, the subsumed tests or requests, and the smallest suite."""
    given = context.parameters(
        by=one_of(("test", "request")), groups=page_number, subsumed=page_number, kept=page_number
    )
    listed = context.take(context.reader.redundant(given.get("by")))
    found, smallest = listed.content.redundancy, listed.content.smallest
    return context.render(
        "duplicates.html",
        snapshot=listed.snapshot,
        totals=found.totals,
        found=found,
        smallest=smallest,
        groups=paginate(found.groups, given.get("groups", 1)),
        subsumed=paginate(found.subsumed, given.get("subsumed", 1)),
        kept=paginate(smallest.kept, given.get("kept", 1)),
        caution=CAUTION,
    )
