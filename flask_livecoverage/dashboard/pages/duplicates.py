"""The page of duplicates."""

from __future__ import annotations

from werkzeug import Response

from ...control.parameters import one_of, page_number
from ...queries.recorded_suite import CAUTION
from ...queries.redundancy import outcome_warning
from .context import PageContext
from .pagination import paginate


def show_duplicates(context: PageContext) -> Response:
    """Answer with the duplicates, the subsumed tests or requests, and the smallest suite."""
    given = context.parameters(
        by=one_of(("test", "request")), groups=page_number, subsumed=page_number, kept=page_number
    )
    listed = context.take(context.reader.redundant(given.get("by")))
    found, smallest = listed.content.redundancy, listed.content.smallest
    return context.render(
        "duplicates.html",
        snapshot=listed.snapshot,
        totals=found.totals,
        found=found,
        smallest=smallest,
        groups=paginate(found.groups, given.get("groups", 1)),
        subsumed=paginate(found.subsumed, given.get("subsumed", 1)),
        kept=paginate(smallest.kept, given.get("kept", 1)),
        caution=CAUTION,
        outcome_warning=outcome_warning,
    )
