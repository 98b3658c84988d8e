"""Details of a request's connection, as they were before servers and middleware changed them."""

from __future__ import annotations

import os
import socket
from typing import Any

from werkzeug import Request

from ..model.imports import loaded_module
from ..model.text import whole_number
from .socket_users import socket_users


def peer_address(request: Request) -> str:
    """The address of the socket's peer, even if ProxyFix has replaced it by a forwarded one."""
    original = request.environ.get("werkzeug.proxy_fix.orig", {})
    return str(original.get("REMOTE_ADDR") or request.environ.get("REMOTE_ADDR") or "")


def sent_headers(request: Request) -> list[str] | None:
    """The names of the headers that were sent, in lower case; None where the server may have removed some.

    waitress removes the forwarding headers of proxies that it is not configured to trust, before it calls the
    application. Apache before mod_wsgi, or mod_wsgi itself (``WSGITrustedProxies``), can be configured to do so.
    """
    environ = request.environ
    client_disconnected = environ.get("waitress.client_disconnected")
    if client_disconnected is not None:
        return _read_by_waitress(client_disconnected)
    if "mod_wsgi.version" in environ or "waitress" in environ.get("SERVER_SOFTWARE", "").lower():
        return None
    return [name.lower() for name, _ in request.headers]


def _read_by_waitress(client_disconnected: Any) -> list[str] | None:
    try:
        # This is the channel's method; the channel's first request is the one being answered.
        headers = client_disconnected.__self__.requests[0].headers
    except (AttributeError, IndexError):
        return None
    return [name.replace("_", "-").lower() for name in headers]


def client_users(request: Request) -> frozenset[int] | None:
    """The ids of the users who hold the other end of the connection; None if it cannot be determined, as off Linux.

    If the server does not pass on the client's port, the users of all connections to the server count. The set is
    empty if the client has closed its end.
    """
    address, ports = _other_end(request)
    return socket_users(address, ports, _port(request, "SERVER_PORT"))


def _other_end(request: Request) -> tuple[str, set[int]]:
    """The address of the client's socket, and its possible ports."""
    environ = request.environ
    if port := _port(request, "REMOTE_PORT"):
        # uWSGI's HTTP router swaps the bytes of the port.
        return peer_address(request), {port, socket.htons(port)} if "UWSGI_ROUTER" in environ else {port}
    uwsgi = loaded_module("uwsgi") if "uwsgi.version" in environ else None
    end = _end_of(uwsgi.connection_fd()) if uwsgi is not None else None
    return end or (peer_address(request), set())


def _end_of(descriptor: int) -> tuple[str, set[int]] | None:
    try:
        with socket.socket(fileno=os.dup(descriptor)) as connection:
            address, port = connection.getpeername()[:2]
    except (OSError, ValueError):
        # It has been closed, or is a Unix socket.
        return None
    return str(address), {int(port)}


def _port(request: Request, key: str) -> int | None:
    return whole_number(str(request.environ.get(key, "")), 0xFFFF)
