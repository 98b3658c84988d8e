"""The table of requests."""

from __future__ import annotations

from typing import Any, cast

from werkzeug import Response

from ...control.parameters import page_number, stored_name
from ...model.filters import Filters, parse_status
from ...model.records import RequestRecord
from ...store import RunQueries
from .context import PageContext
from .pagination import ROWS, Sorting, TablePage, paginate, sorting

_COLUMNS = ("time", "method", "path", "status", "ms", "lines", "new", "test")


def list_requests(context: PageContext) -> Response:
    """Answer with the table of requests, those alone that are asked for."""
    given = context.parameters(
        sort=sorting(_COLUMNS), page=page_number, test=stored_name, route=stored_name, status=_status
    )
    by = given.get("sort", Sorting("time", descending=True))
    status = given.get("status")
    filters = Filters(given.get("test"), given.get("route"), parse_status(status) if status else None)
    with context.recorded() as recorded:
        rows = _rows(context, recorded, filters, by, given.get("page", 1))
        rules = sorted({rule.rule for rule in recorded.rules()})
    return context.render("requests.html", snapshot=context.snapshot, rows=rows, sorting=by, given=given, rules=rules)


def _status(value: str) -> str:
    parse_status(value)
    return value


def _rows(
    context: PageContext, recorded: RunQueries, filters: Filters, by: Sorting, page: int
) -> TablePage[RequestRecord]:
    snapshot = context.snapshot
    if by.column == "new":
        # The others have added nothing, and there are no differences to sort by.
        moments = {trace: first.at for trace, first in snapshot.first_executions.items()}
        records = recorded.requests.first_of_traces(moments, filters)
        records.sort(key=lambda record: (snapshot.new(record), record.started_at), reverse=by.descending)
        return paginate(records, page)
    offset = (page - 1) * ROWS
    if by.column == "lines":
        found = recorded.requests.page_by_trace(filters, snapshot.lines, ROWS, offset, descending=by.descending)
    else:
        found = recorded.requests.page(filters, cast(Any, by.column), ROWS, offset, descending=by.descending)
    return TablePage(found, page, recorded.requests.count(filters))
