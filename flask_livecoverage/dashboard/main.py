"""The dashboard process: serves pages to the measured server over a Unix socket, until that server ends."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from ..errors import LiveCoverageError
from . import gc_policy
from .application import Dashboard
from .run_reader import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

# The application takes precedence where processors are scarce, but a page still takes less than a second.
_NICENESS = 5
# The threads switch this often, and at each row from the store, so that a page does not wait for long work.
_SWITCH_SECONDS = 0.0005
# After this time without a request, the process ends; the next request starts another one.
_IDLE_SECONDS = 600.0
_POLL_SECONDS = 5.0
# After this time without a request, the store is released, so that it can be updated in place again.
_RELEASE_SECONDS = 30.0


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing, because the measured server logs its requests."""


class _IdleTimer:
    """Measures the time since the last request to ``app``."""

    def __init__(self, app: Dashboard) -> None:
        self._app = app
        self._last = time.monotonic()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._last = time.monotonic()
        return self._app(environ, start_response)

    def wait(self) -> None:
        """Return after ``_IDLE_SECONDS`` without a request; release the store earlier."""
        while (idle := time.monotonic() - self._last) < _IDLE_SECONDS:
            if idle > _RELEASE_SECONDS:
                self._app.release_store()
            time.sleep(_POLL_SECONDS)


def main(listener: int, config: dict[str, Any], control: socket.socket) -> None:
    """Serve on the socket with the file descriptor ``listener``, until the stream ``control`` ends.

    That stream ends when the server's process does, for whatever reason.
    """
    gc_policy.postpone_collections()
    sys.setswitchinterval(_SWITCH_SECONDS)
    _lower_priority()
    try:
        os.chdir(config.pop("folder"))
        dashboard = Dashboard(Config(**config))
    except (LiveCoverageError, OSError) as error:
        sys.exit(f"Flask-LiveCoverage: no dashboard: {error}")
    app = _IdleTimer(dashboard)
    server = ThreadedWSGIServer("unix://", 0, app, _Handler, fd=listener)
    for wait in (lambda: control.recv(1), app.wait):
        threading.Thread(target=_end_after, args=(wait, server), daemon=True).start()
    with closing(socket.socket(fileno=listener)) as own, closing(dashboard):
        try:
            server.serve_forever()
        finally:
            _remove_socket(own.getsockname())


def _remove_socket(path: str) -> None:
    # The server removes it, unless it was killed. The folder was made only for the socket.
    with suppress(OSError):
        os.unlink(path)
        os.rmdir(os.path.dirname(path))


def _lower_priority() -> None:
    with suppress(OSError):
        os.nice(_NICENESS)
    # Linux may first divide the processors among sessions, and this process has its own session: see sched(7).
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS))


def _end_after(wait: Callable[[], object], server: ThreadedWSGIServer) -> None:
    wait()
    server.shutdown()
