"""Server-sent events: they say that something has changed, and the page asks for itself again.

The server answers them itself, since a look at the journals' sizes is all that they take.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

from werkzeug import Response

from ...errors import LiveCoverageError
from ...journal.run_folder import RunFolder
from ..parameters import ControlRequest, parameters

_RETRY = b"retry: 500\n\n"
_LOOK_SECONDS = 0.2
# A page that nobody looks at any more is noticed when its connection ends.
_HOLD_SECONDS = 25.0


def stamp(folder: RunFolder) -> str:
    """A text that changes with what a server's processes write. Raises DataError for marks that cannot be read."""
    sizes = []
    for path in folder.journals():
        with suppress(FileNotFoundError):  # somebody removes them; they are put back
            sizes.append((path.name, path.lstat().st_size))
    return hashlib.sha256(repr((sizes, folder.marks())).encode()).hexdigest()[:16]


def events(request: ControlRequest, folder: RunFolder, *, holds: bool, is_ending: Callable[[], bool]) -> Response:
    """A stream of stamps, beginning when it is not the one that the client knows; and an event when the server ends.

    It ends at once where a held connection would keep others waiting: browsers ask again after half a second.

    :param holds: whether the server can keep a connection open without anybody waiting behind it.
    :param is_ending: tells whether the server is about to end, and the stream with it.
    """
    given = parameters(request, version=str).get("version", "")
    known = request.headers.get("Last-Event-ID", given)
    return Response(_stream(folder, known, _HOLD_SECONDS if holds else 0.0, is_ending), mimetype="text/event-stream")


def _stream(folder: RunFolder, known: str, seconds: float, is_ending: Callable[[], bool]) -> Iterator[bytes]:
    yield _RETRY
    ends = time.monotonic() + seconds
    while True:
        try:
            now = stamp(folder)
        except (OSError, LiveCoverageError):
            return  # the page says what is wrong
        if now != known:
            known = now
            yield f"id: {now}\ndata: changed\n\n".encode()
        if is_ending():
            yield b"event: end\ndata: ended\n\n"
            return
        if time.monotonic() >= ends:
            return
        time.sleep(_LOOK_SECONDS)
