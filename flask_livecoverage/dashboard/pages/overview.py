"""The first page: how much is covered, how it grew, and what comes in."""

from __future__ import annotations

from werkzeug import Response

from ...model.filters import Filters
from .chart import curve
from .context import Visit
from .treemap import treemap

_NEWEST = 20


def overview(visit: Visit) -> Response:
    """Answer with the overview."""
    visit.parameters()
    figures = visit.figures
    with visit.recorded() as recorded:
        newest = recorded.requests.page(Filters(), "time", _NEWEST)
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
