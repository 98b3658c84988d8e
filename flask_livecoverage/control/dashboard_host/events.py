"""Server-sent events: each reports that something has changed, and the page requests itself again.

The measured server sends them itself, since it only needs the journals' sizes.
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
# Limits how long a connection stays open whose page was closed.
_HOLD_SECONDS = 25.0


def stamp(folder: RunFolder) -> str:
    """Return a text that changes whenever the server or its suite writes. Raises DataError for unreadable marks."""
    sizes = []
    for path in folder.journals():
        with suppress(FileNotFoundError):  # removed just now; its process writes it again
            sizes.append((path.name, path.lstat().st_size))
    return hashlib.sha256(repr((sizes, folder.outcomes_size(), folder.marks())).encode()).hexdigest()[:16]


def events(request: ControlRequest, folder: RunFolder, *, holds: bool, is_ending: Callable[[], bool]) -> Response:
    """Answer with a stream: an event for each stamp other than the client's last one, and one when the server ends.

    Where a connection that stays open would block others, the stream ends immediately, and browsers reconnect after
    half a second.

    :param holds: whether the server can keep a connection open without blocking others.
    :param is_ending: returns True if the server is about to end; then the stream ends.
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
            return  # the page shows the error
        if now != known:
            known = now
            yield f"id: {now}\ndata: changed\n\n".encode()
        if is_ending():
            yield b"event: end\ndata: ended\n\n"
            return
        if time.monotonic() >= ends:
            return
        time.sleep(_LOOK_SECONDS)
