"""The page of runs, on which one is chosen for all pages."""

from __future__ import annotations

from werkzeug import Response

from ...control.parameters import page_number
from .context import PageContext
from .pagination import paginate


def list_runs(context: PageContext) -> Response:
    """Answer with the table of runs, newest first."""
    given = context.parameters(page=page_number)
    snapshot = context.snapshot
    runs = context.take(context.readers.summaries())
    return context.render(
        "runs.html", snapshot=snapshot, rows=paginate(runs, given.get("page", 1)), live=context.readers.live.folder.id
    )
