"""Serves an application under coverage, from the first import to the last response."""

from __future__ import annotations

import logging
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.serving import BaseWSGIServer, make_server

from .errors import ServerError
from .shutdown import GRACE_SECONDS, SERVER_KEY

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from .middleware import InFlight

logger = logging.getLogger("flask_livecoverage")

_POLL_SECONDS = 0.1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes any that is free. Raises ServerError if it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ServerError(
            f"cannot listen on {host} port {port} ({reason}): stop the program that uses it, or choose another with "
            "--port (0: any that is free)"
        ) from None
    except OverflowError:
        raise ServerError(f"cannot listen on port {port}: choose one from 0 to 65535") from None


class LiveServer:
    """Werkzeug's threaded server, which ends gracefully."""

    def __init__(self, app: WSGIApplication, listener: socket.socket, in_flight: InFlight) -> None:
        host, port = listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self._app = app
        self._in_flight = in_flight
        self._server: BaseWSGIServer = make_server(host, port, self._serve_request, threaded=True, fd=listener.fileno())
        self._ending = threading.Event()

    def _serve_request(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[SERVER_KEY] = self.shutdown
        return self._app(environ, start_response)

    def serve_until_shutdown(self) -> None:
        """Serve until :meth:`shutdown`, SIGTERM or SIGINT, and until the requests then in flight are done."""
        with _signals_to(self.shutdown):
            try:
                self._server.serve_forever(_POLL_SECONDS)
            finally:
                self._server.server_close()
            if not self._in_flight.wait_until_empty(GRACE_SECONDS):
                logger.warning("%d requests still run after %.0f seconds: ending", len(self._in_flight), GRACE_SECONDS)

    def shutdown(self) -> None:
        """End serving; returns at once. A second call does nothing."""
        if not self._ending.is_set():
            self._ending.set()
            # The server's own shutdown() waits for its loop, which may be the caller's thread.
            threading.Thread(target=self._server.shutdown, name="flask-livecoverage-shutdown").start()


@contextmanager
def _signals_to(shutdown: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call ``shutdown``; a second one ends the wait for what is in flight."""

    def handle(number: int, frame: Any) -> None:
        for name, handler in before.items():
            signal.signal(name, handler)
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
        shutdown()

    before = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
