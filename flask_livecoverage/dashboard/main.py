"""The dashboard's own process: serves pages to the measured server, over a Unix socket, for as long as that lives."""

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

# The application comes first wherever processors are scarce, but a page still comes within a second.
_NICENESS = 5
# A page that is made while something long is worked out gets its turn soon. Each row from the store costs one.
_SWITCH_SECONDS = 0.0005
# Without a request, it makes room; the next request starts it anew.
_IDLE_SECONDS = 600.0
_LOOK_SECONDS = 5.0
# Without a request, the store may be brought up to date in place again.
_REST_SECONDS = 30.0


class _Handler(WSGIRequestHandler):
    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the measured server logs what it is asked."""


class _Idle:
    """How long no request has come."""

    def __init__(self, app: Dashboard) -> None:
        self._app = app
        self._last = time.monotonic()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        self._last = time.monotonic()
        return self._app(environ, start_response)

    def wait(self) -> None:
        """Wait until it has been long."""
        while (idle := time.monotonic() - self._last) < _IDLE_SECONDS:
            if idle > _REST_SECONDS:
                self._app.rest()
            time.sleep(_LOOK_SECONDS)


def main(listener: int, told: dict[str, Any], control: socket.socket) -> None:
    """Serve on the socket with this file descriptor, as it was ``told``, until ``control`` ends.

    That ends with the server's process, however it has ended.
    """
    gc_policy.put_off()
    sys.setswitchinterval(_SWITCH_SECONDS)
    _give_way()
    try:
        os.chdir(told.pop("folder"))
        dashboard = Dashboard(Config(**told))
    except (LiveCoverageError, OSError) as error:
        sys.exit(f"Flask-LiveCoverage: no dashboard: {error}")
    app = _Idle(dashboard)
    server = ThreadedWSGIServer("unix://", 0, app, _Handler, fd=listener)
    for wait in (lambda: control.recv(1), app.wait):
        threading.Thread(target=_end_after, args=(wait, server), daemon=True).start()
    with closing(socket.socket(fileno=listener)) as own, closing(dashboard):
        try:
            server.serve_forever()
        finally:
            _remove_address(own.getsockname())


def _remove_address(path: str) -> None:
    # A server that was killed leaves it to us. The folder was made for the socket alone.
    with suppress(OSError):
        os.unlink(path)
        os.rmdir(os.path.dirname(path))


def _give_way() -> None:
    with suppress(OSError):
        os.nice(_NICENESS)
    # Linux may share processors out between sessions first, and this is a session of its own: see sched(7).
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(str(_NICENESS))


def _end_after(wait: Callable[[], object], server: ThreadedWSGIServer) -> None:
    wait()
    server.shutdown()
