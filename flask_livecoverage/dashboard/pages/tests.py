"""The page of tests."""

from __future__ import annotations

from werkzeug import Response

from .context import PageContext
from .group_table import show_groups


def list_tests(context: PageContext) -> Response:
    """Answer with the table of tests."""
    listed = context.take(context.reader.tests())
    return show_groups(context, "tests", listed.snapshot, listed.content)
