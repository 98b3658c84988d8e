"""Proxies on the same machine, in front of each server: their clients do not count as local.

Tests ``control.access`` and ``control.connection``.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from ...support.polling import wait_until
from ...support.real_servers import uwsgi
from .proxies import NOBODY, proxy
from .servers import COMMANDS, PREFIX, TOKEN, Server, running

STATUS = f"{PREFIX}/status"
START = f"{PREFIX}/start?name=evil"
BEARER = f"Authorization: Bearer {TOKEN}"


def skip_where_missing(name: str) -> None:
    if "uWSGI" in name and (reason := uwsgi()):
        pytest.skip(reason)


@pytest.fixture(scope="module", params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    skip_where_missing(request.param)
    with running(request.param, tmp_path_factory.mktemp("measured")) as server:
        yield server
        server.assert_unharmed()
        server.assert_quiet()


@contextmanager
def behind_proxy(server: Server, *headers: str, user: int | None = None) -> Iterator[Server]:
    """The server, reached through a proxy that adds ``headers``."""
    with proxy(server.folder, server.port, *headers, user=user) as port:
        yield replace(server, port=port)


def assert_refused(server: Server, reason: str) -> None:
    for target in (START, "/shutdown", STATUS, f"{PREFIX}/"):
        answer = server.request(target, host="localhost")
        assert (target, answer.status) == (target, 403)
        assert reason in answer.body.decode()
    assert server.request("/tea").body == b"tea"


@pytest.mark.parametrize(
    "header",
    [
        "X-Forwarded-For: 203.0.113.9", "Forwarded: for=203.0.113.9", "X-Forwarded-Proto: https",
        "X-Forwarded-Host: localhost", "X-Real-IP: 203.0.113.9", "Via: 1.1 proxy", "CF-Connecting-IP: 203.0.113.9",
    ],
)  # fmt: skip
def test_proxy_with_forwarding_headers(server: Server, header: str) -> None:
    """Refused even if the server removes the header before it calls the application."""
    with behind_proxy(server, header) as proxied:
        assert_refused(proxied, f"came through a proxy (header {header.partition(':')[0].title()})")


def test_proxy_without_headers_of_another_user(server: Server) -> None:
    """nginx with only ``proxy_pass``, and HAProxy by default, run as their own users."""
    with behind_proxy(server, user=NOBODY) as proxied:
        assert_refused(
            proxied,
            f"the client is a process of user {NOBODY}, perhaps a proxy, and the server runs as {os.geteuid()}",
        )


def test_client_of_such_a_proxy_that_does_not_wait(server: Server) -> None:
    """The proxy closes its connection, and a closed connection has no user."""
    with behind_proxy(server, user=NOBODY) as proxied:
        for _ in range(20):
            with proxied.connect() as client:
                client.sendall(f"GET {START} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for _ in range(3):
            assert proxied.request("/tea").body == b"tea"
    server.assert_unharmed()


def test_local_client_needs_nothing(server: Server) -> None:
    assert server.request(STATUS).status == 200


@pytest.mark.parametrize("name", ["werkzeug", "gunicorn"])
def test_local_client_that_does_not_wait(tmp_path: Path, name: str) -> None:
    """The user of the connection cannot be determined any more when the request is read."""
    with running(name, tmp_path) as server:
        assert server.request("/tea").status == 200
        # gunicorn's worker is not the process that was started.
        processes = {server.process.pid, *(request.pid for request in server.recorded().requests)}
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        try:
            with server.connect() as client:
                client.sendall(f"GET {START} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        finally:
            for process in processes:
                os.kill(process, signal.SIGCONT)
        wait_until_logged(server, f"GET {START}", 403)
        server.assert_unharmed()


def wait_until_logged(server: Server, line: str, status: int) -> None:
    """Wait for the line in the server's log."""
    wait_until(
        lambda: any(line in printed and f" {status} " in printed for printed in server.output),
        f"the server has logged {line!r} with status {status}",
        lambda: "".join(server.output),
    )


class TestBehindProxy:
    """``LIVECOVERAGE_BEHIND_PROXY``: configures what cannot be detected."""

    def test_proxy_without_headers_of_the_same_user_is_a_known_limit(self, server: Server) -> None:
        """docs/security.rst documents this."""
        with behind_proxy(server) as proxied:
            assert proxied.request(STATUS, host="localhost").status == 200

    @pytest.mark.parametrize("name", ["gunicorn", "waitress"])
    def test_with_a_proxy(self, tmp_path: Path, name: str) -> None:
        with (
            running(name, tmp_path, token=TOKEN, LIVECOVERAGE_BEHIND_PROXY="1") as server,
            behind_proxy(server) as proxied,
        ):
            for seen in (server, proxied):
                assert_refused(seen, "a proxy is in front of the server")
                assert seen.request(STATUS, BEARER, host="shop.example").status == 200
            server.assert_unharmed()

    def test_without_a_proxy(self, tmp_path: Path) -> None:
        """In that case, clients of other users are allowed. Signs of a proxy still count."""
        with (
            running("werkzeug", tmp_path, LIVECOVERAGE_BEHIND_PROXY="0") as server,
            behind_proxy(server, user=NOBODY) as proxied,
        ):
            assert proxied.request(STATUS, host="localhost").status == 200
            assert proxied.request(STATUS, "X-Forwarded-For: 203.0.113.9").status == 403
            assert proxied.request(STATUS, host="evil.example").status == 403
