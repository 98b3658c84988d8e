"""The page of routes."""

from __future__ import annotations

from werkzeug import Response

from .context import PageContext
from .group_table import show_groups


def list_routes(context: PageContext) -> Response:
    """Answer with the table of routes, and the methods of URL rules that no request has used."""
    listed = context.take(context.reader.routes())
    found = listed.content
    return show_groups(context, "routes", listed.snapshot, found.routes, unused=found.unused, rules=found.rules)
