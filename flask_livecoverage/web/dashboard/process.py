"""The dashboard's own process: serves pages to the measured server, over a Unix socket, for as long as that lives."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ...errors import LiveCoverageError
from .application import Dashboard
from .reading import Config

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# The application comes first wherever processors are scarce.
_NICENESS = 15
# A page that is made while something long is worked out gets its turn soon. Each row from the store costs one.
_SWITCH_SECONDS = 0.0005
# Without a request, it makes room; the next request starts it anew.
_IDLE_SECONDS = 600.0
_LOOK_SECONDS = 5.0


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the measured server logs what it is asked."""


class _Idle:
    """How long no request has come."""

    def __init__(self, app: WSGIApplication) -> None:
        self._app = app
        self._last = time.monotonic()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._last = time.monotonic()
        return self._app(environ, start_response)

    def wait(self) -> None:
        """Wait until it has been long."""
        while time.monotonic() - self._last < _IDLE_SECONDS:
            time.sleep(_LOOK_SECONDS)


def main() -> None:
    """Serve on the socket with the file descriptor in the first argument, as the first line of stdin says.

    It ends when stdin does: with the server, however that has ended.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    with suppress(OSError):
        os.nice(_NICENESS)
    config = Config(**json.loads(sys.stdin.readline()))
    try:
        app = _Idle(Dashboard(config))
    except LiveCoverageError as error:
        sys.exit(f"Flask-LiveCoverage: no dashboard: {error}")
    server = ThreadedWSGIServer("unix://", 0, app, _Handler, fd=int(sys.argv[1]))
    for wait in (sys.stdin.read, app.wait):
        threading.Thread(target=_end_after, args=(wait, server), daemon=True).start()
    server.serve_forever()


def _end_after(wait: Any, server: ThreadedWSGIServer) -> None:
    wait()
    server.shutdown()
