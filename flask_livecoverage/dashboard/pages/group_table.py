"""The table of tests or routes: its columns, its order, its search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug import Response

from ...control.parameters import page_number
from ...queries.lists import Group
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


def show_groups(
    context: PageContext, kind: str, snapshot: Snapshot, groups: Sequence[Group], **values: Any
) -> Response:
    """Answer with the groups that the request searches for, in its order. ``kind`` names the template."""
    given = context.parameters(sort=sorting(("name", *_COLUMNS)), page=page_number, q=str)
    by = given.get("sort", Sorting("name", descending=False))
    wanted = given.get("q", "").lower()
    found = [group for group in groups if wanted in group.name.lower()]
    # They are already in natural order.
    key = _mean if (kind, by.column) == ("routes", "ms") else _COLUMNS.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = paginate(found, given.get("page", 1))
    return context.render(f"{kind}.html", snapshot=snapshot, rows=rows, sorting=by, q=given.get("q", ""), **values)
