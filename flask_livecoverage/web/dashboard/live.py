"""Server-sent events: they say that something has changed, and the page asks for itself again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from werkzeug import Response

from ...errors import LiveCoverageError
from .reading import NotYet, RunReader
from .visit import Visit

_RETRY = b"retry: 500\n\n"
_LOOK_SECONDS = 0.2
# A server that has ended, or a page that nobody looks at any more, is noticed when a connection ends.
_HOLD_SECONDS = 25.0


def events(visit: Visit) -> Response:
    """A stream of the versions of what pages show, beginning when it is not the one that the client knows.

    It ends at once where a held connection would keep others waiting: browsers ask again after half a second.
    """
    given = visit.parameters(version=str).get("version", "")
    known = visit.request.headers.get("Last-Event-ID", given)
    return Response(_stream(visit.reader, known, visit.state.holds), mimetype="text/event-stream")


def _stream(reader: RunReader, known: str, holds: bool) -> Iterator[bytes]:
    yield _RETRY
    ends = time.monotonic() + (_HOLD_SECONDS if holds else 0.0)
    while True:
        version = _version(reader, known)
        if version != known:
            known = version
            yield f"id: {version}\ndata: changed\n\n".encode()
        if time.monotonic() >= ends:
            return
        time.sleep(_LOOK_SECONDS)


def _version(reader: RunReader, known: str) -> str:
    try:
        return reader.figures().version
    except NotYet:
        return reader.progress or known
    except LiveCoverageError as error:
        # The page says it.
        return f"error {hash(str(error))}"
