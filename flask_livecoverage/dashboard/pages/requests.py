"""The table of requests."""

from __future__ import annotations

from typing import Any, cast

from werkzeug import Response

from ...control.parameters import page_number, stored_name
from ...model.filters import Filters, parse_status
from ...model.records import RequestRecord
from ...queries.lists import requests_by_lines, requests_by_new_lines, sorted_requests
from ...queries.suite_outcomes import outcomes_of_requests
from ...store import RunQueries
from .context import PageContext
from .pagination import ROWS, Sorting, TablePage, paginate, sorting

_COLUMNS = ("time", "method", "path", "status", "ms", "lines", "new", "test")


def list_requests(context: PageContext) -> Response:
    """Answer with the table of the requests that match the parameters."""
    given = context.parameters(
        sort=sorting(_COLUMNS), page=page_number, test=stored_name, route=stored_name, status=_status
    )
    by = given.get("sort", Sorting("time", descending=True))
    status = given.get("status")
    filters = Filters(given.get("test"), given.get("route"), parse_status(status) if status else None)
    with context.recorded() as queries:
        rows = _rows(context, queries, filters, by, given.get("page", 1))
        outcomes = outcomes_of_requests(queries, rows.items)
        rules = sorted({rule.rule for rule in queries.rules()})
    return context.render(
        "requests.html",
        snapshot=context.snapshot,
        rows=rows,
        outcomes=outcomes,
        sorting=by,
        given=given,
        rules=rules,
    )


def _status(value: str) -> str:
    parse_status(value)
    return value


def _rows(
    context: PageContext, queries: RunQueries, filters: Filters, by: Sorting, page: int
) -> TablePage[RequestRecord]:
    snapshot = context.snapshot
    if by.column == "new":
        # Requests without new lines are left out of this order.
        moments = {trace: first.at for trace, first in snapshot.first_executions.items()}
        return paginate(requests_by_new_lines(queries, filters, moments, snapshot.new, descending=by.descending), page)
    offset = (page - 1) * ROWS
    if by.column == "lines":
        found = requests_by_lines(queries, filters, snapshot.lines, ROWS, offset, descending=by.descending)
    else:
        found = sorted_requests(queries, filters, cast(Any, by.column), ROWS, offset, descending=by.descending)
    return TablePage(found.requests, page, found.total)
