"""The table of requests."""

from __future__ import annotations

from typing import Any, cast

from werkzeug import Response

from ...control.parameters import page_number, stored_name
from ...model.filters import Filters, parse_status
from ...model.records import RequestRecord
from ...queries.lists import requests_by_lines, requests_by_new_lines, sorted_requests
from ...store import RunQueries
from .context import Visit
from .pagination import ROWS, Part, Sorting, part, sorting

_COLUMNS = ("time", "method", "path", "status", "ms", "lines", "new", "test")


def list_requests(visit: Visit) -> Response:
    """Answer with the table of requests, those alone that are asked for."""
    given = visit.parameters(
        sort=sorting(_COLUMNS), page=page_number, test=stored_name, route=stored_name, status=_status
    )
    by = given.get("sort", Sorting("time", descending=True))
    status = given.get("status")
    filters = Filters(given.get("test"), given.get("route"), parse_status(status) if status else None)
    with visit.recorded() as recorded:
        rows = _rows(visit, recorded, filters, by, given.get("page", 1))
        rules = sorted({rule.rule for rule in recorded.rules()})
    return visit.render("requests.html", figures=visit.figures, rows=rows, sorting=by, given=given, rules=rules)


def _status(value: str) -> str:
    parse_status(value)
    return value


def _rows(visit: Visit, recorded: RunQueries, filters: Filters, by: Sorting, page: int) -> Part[RequestRecord]:
    figures = visit.figures
    if by.column == "new":
        # The others have added nothing, and there are no differences to sort by.
        moments = {trace: first.at for trace, first in figures.firsts.items()}
        return part(requests_by_new_lines(recorded, filters, moments, figures.new, descending=by.descending), page)
    offset = (page - 1) * ROWS
    if by.column == "lines":
        found = requests_by_lines(recorded, filters, figures.lines, ROWS, offset, descending=by.descending)
    else:
        found = sorted_requests(recorded, filters, cast(Any, by.column), ROWS, offset, descending=by.descending)
    return Part(found.requests, page, found.total)
