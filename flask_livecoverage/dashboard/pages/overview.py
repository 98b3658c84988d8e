"""The first page: how much is covered, how it grew, and what comes in."""

from __future__ import annotations

from werkzeug import Response

from ...model.filters import Filters
from ...queries.lists import sorted_requests
from .chart import curve
from .context import Visit
from .treemap import treemap

_NEWEST = 20


def overview(visit: Visit) -> Response:
    """Answer with the overview."""
    visit.parameters()
    figures = visit.figures
    with visit.recorded() as recorded:
        newest = sorted_requests(recorded, Filters(), "time", _NEWEST, total=figures.requests).requests
        window, asked = recorded.windows.last() or (None, 0)
    return visit.render(
        "overview.html",
        figures=figures,
        newest=newest,
        window=window,
        asked=asked,
        curve=curve(figures.curve, figures.requests, figures.statements),
        treemap=treemap(figures.files.values()),
    )
