"""The overview: coverage, its growth, the map of files, the window, and the newest requests."""

from __future__ import annotations

from werkzeug import Response

from ...model.filters import Filters
from ...queries.lists import sorted_requests
from ...queries.suite_outcomes import outcomes_of_requests
from .chart import growth_chart
from .context import PageContext
from .treemap import treemap

_NEWEST = 20


def overview(context: PageContext) -> Response:
    """Answer with the overview."""
    context.parameters()
    snapshot = context.snapshot
    with context.recorded() as queries:
        newest = sorted_requests(queries, Filters(), "time", _NEWEST, total=snapshot.requests).requests
        outcomes = outcomes_of_requests(queries, newest)
        window, window_requests = queries.windows.last() or (None, 0)
    return context.render(
        "overview.html",
        snapshot=snapshot,
        newest=newest,
        outcomes=outcomes,
        window=window,
        window_requests=window_requests,
        chart=growth_chart(snapshot.growth, snapshot.requests, snapshot.statements),
        treemap=treemap(snapshot.files.values()),
    )
