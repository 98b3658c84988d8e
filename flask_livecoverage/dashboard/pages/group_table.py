"""The table of tests or routes: its columns, its order, its filters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...model.outcomes import FAILED, OUTCOMES, PASSED, SKIPPED
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
# Failed tests first, because these are looked for.
_OUTCOMES = [FAILED, SKIPPED, PASSED, ""]
_COLUMNS_OF_TESTS: dict[str, Callable[[Group], Any]] = {
    "outcome": lambda group: _OUTCOMES.index(_outcome(group)),
    "test": lambda group: -1.0 if group.outcome is None else group.outcome.duration_ms or 0.0,
}


def _mean(group: Group) -> float:
    return group.mean_ms


def _outcome(group: Group) -> str:
    return "" if group.outcome is None else group.outcome.outcome


def show_groups(
    context: PageContext, kind: str, snapshot: Snapshot, groups: Sequence[Group], **values: Any
) -> Response:
    """Answer with the groups that the request searches for, in its order. ``kind`` names the template."""
    of_tests = kind == "tests"
    columns = _COLUMNS | _COLUMNS_OF_TESTS if of_tests else _COLUMNS
    checks = {"outcome": one_of(OUTCOMES)} if of_tests else {}
    given = context.parameters(sort=sorting(("name", *columns)), page=page_number, q=str, **checks)
    by = given.get("sort", Sorting("name", descending=False))
    wanted, outcome = given.get("q", "").lower(), given.get("outcome", "")
    found = [group for group in groups if wanted in group.name.lower() and outcome in ("", _outcome(group))]
    # They are already in natural order.
    key = _mean if (kind, by.column) == ("routes", "ms") else columns.get(by.column)
    found = found[:: -1 if by.descending else 1] if key is None else sort(found, by, key)
    rows = paginate(found, given.get("page", 1))
    if of_tests:
        values |= {"outcome": outcome, "outcomes": OUTCOMES if any(map(_outcome, groups)) else ()}
    return context.render(f"{kind}.html", snapshot=snapshot, rows=rows, sorting=by, q=given.get("q", ""), **values)
