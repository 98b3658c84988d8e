"""The style sheet, the script and the icon."""

from __future__ import annotations

from pathlib import Path

from werkzeug import Response
from werkzeug.exceptions import NotFound

from .context import PageContext

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    "dashboard.css": "text/css; charset=utf-8",
    "dashboard.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


def static_file(_context: PageContext, name: str) -> Response:
    """Answer with one of the static files."""
    if name not in _TYPES:
        raise NotFound("no such file")
    return Response((_FOLDER / name).read_bytes(), content_type=_TYPES[name])
