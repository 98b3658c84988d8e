"""The page of priorities: the routes to test next."""

from __future__ import annotations

from werkzeug import Response

from ...control.parameters import page_number
from .context import PageContext
from .files import page_of, ranges_of
from .pagination import paginate

# The limit of the gaps that are shown of one route.
_GAPS = 8


def show_priorities(context: PageContext) -> Response:
    """Answer with the routes that have requests and gaps, the most urgent first."""
    given = context.parameters(page=page_number)
    listed = context.take(context.reader.priorities())
    return context.render(
        "priorities.html",
        snapshot=listed.snapshot,
        found=listed.content,
        rows=paginate(listed.content.ranked, given.get("page", 1)),
        files=listed.snapshot.by_path,
        page_of=page_of,
        ranges_of=ranges_of,
        most_gaps=_GAPS,
    )
