"""Werkzeug's server with a graceful shutdown."""

from __future__ import annotations

import ipaddress
import logging
import select
import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from werkzeug.serving import BaseWSGIServer, ThreadedWSGIServer, WSGIRequestHandler

from ..control.shutdown import ENDING_KEY, GRACE_SECONDS, SERVER_KEY
from ..errors import ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger("flask_livecoverage")

_POLL_SECONDS = 0.1


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; ``port`` 0 takes any free port. Raises ServerError if the address cannot be used."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        # create_server() appends the address.
        reason = (error.strerror or str(error)).partition(" (while attempting")[0]
        raise ServerError(
            f"cannot listen on {host} port {port} ({reason}): stop the program that uses it, or choose another with "
            "--port (0: any free port)"
        ) from None


def url_of(host: str, port: int) -> str:
    """The URL by which this machine reaches a server that listens on ``host``."""
    with suppress(ValueError):
        address = ipaddress.ip_address(host)
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class LiveServer:
    """Serves ``app`` on ``listener``, which is closed at the end.

    :param access_log: log all requests, not only those that are answered with an error.
    :param threads: answer each request in a thread of its own, instead of one after the other.
    :param is_control: returns whether a path is a control route's. Requests to these are logged only if they fail.
    """

    def __init__(
        self,
        app: WSGIApplication,
        listener: socket.socket,
        *,
        access_log: bool = True,
        threads: bool = True,
        is_control: Callable[[str], bool] = lambda path: False,
    ) -> None:
        host, port = listener.getsockname()[:2]
        self.url = url_of(host, port)
        self._app = app
        self._listener = listener
        server = _ThreadedServer if threads else _Server
        self._server = server(host, port, self._serve_request, _RequestHandler, fd=listener.fileno())
        self._server.is_logged = lambda path: access_log and not is_control(path)
        self._ending = threading.Event()

    def _serve_request(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[SERVER_KEY] = self.shutdown
        environ[ENDING_KEY] = self._ending.is_set
        return self._app(environ, start_response)

    def serve_until_shutdown(self) -> None:
        """Serve until :meth:`shutdown`, then wait until the requests in flight are answered."""
        try:
            self._server.serve_forever(_POLL_SECONDS)
        finally:
            # Both keep the port open, because the server has a descriptor of its own.
            self._server.server_close()
            self._listener.close()
        unanswered = self._server.connections.wait_until_closed(GRACE_SECONDS)
        if unanswered:
            logger.warning("%d requests still run after %.0f seconds: ending the server", unanswered, GRACE_SECONDS)

    def shutdown(self) -> None:
        """Stop serving, and return at once. A second call does nothing."""
        if not self._ending.is_set():
            self._ending.set()
            # The server's own shutdown() waits for its loop, which may be the caller's thread.
            threading.Thread(target=self._end, name="flask-livecoverage-shutdown").start()

    def _end(self) -> None:
        try:
            # Without threads, the loop itself waits for the request of a connection that a browser has opened early.
            self._server.connections.end_unused()
        finally:
            self._server.shutdown()


class _Connections:
    """The open connections of a server, each of which carries one request."""

    def __init__(self) -> None:
        # For each connection, whether its request has begun to arrive.
        self._used: dict[socket.socket, bool] = {}
        self._ending = False
        self._changed = threading.Condition()

    def opened(self, connection: socket.socket) -> None:
        with self._changed:
            self._used[connection] = False
            if self._ending:
                self._end_unused()

    def used(self, connection: socket.socket) -> None:
        """Note that a request has begun to arrive."""
        with self._changed:
            self._used[connection] = True

    def closed(self, connection: socket.socket) -> None:
        with self._changed:
            self._used.pop(connection, None)
            self._changed.notify_all()

    def end_unused(self) -> None:
        """End the connections that browsers open early. A thread that waits there for a request reads end-of-file."""
        with self._changed:
            self._ending = True
            self._end_unused()

    def _end_unused(self) -> None:
        for connection, used in self._used.items():
            if not used and not _has_input(connection):
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RD)

    def wait_until_closed(self, timeout: float) -> int:
        """Wait, at most ``timeout`` seconds, until all requests are answered; return how many are not."""
        self.end_unused()
        with self._changed:
            self._changed.wait_for(lambda: not self._used, timeout)
            return len(self._used)


def _has_input(connection: socket.socket) -> bool:
    # Not select(), which fails for descriptors from 1024 on.
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


class _Server(BaseWSGIServer):
    is_logged: Callable[[str], bool]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.connections = _Connections()
        super().__init__(*args, **kwargs)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.connections.opened(request)
        super().process_request(request, client_address)

    def close_request(self, request: Any) -> None:
        self.connections.closed(request)
        super().close_request(request)


class _ThreadedServer(_Server, ThreadedWSGIServer):
    pass


class _RequestHandler(WSGIRequestHandler):
    server: _Server

    def parse_request(self) -> bool:
        self.server.connections.used(self.connection)
        return super().parse_request()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        # There is no path if the request could not be parsed.
        path = unquote(getattr(self, "path", "").partition("?")[0])
        if not 200 <= int(code) < 400 or self.server.is_logged(path):
            super().log_request(code, size)
