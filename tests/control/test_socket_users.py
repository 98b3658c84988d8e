"""The users of sockets, as the kernel reports them for sockets that this process holds or has held."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flask_livecoverage.control.socket_users import socket_users

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the users of sockets")

OWN = frozenset({os.geteuid()})
NOBODY = 65534


@contextmanager
def connected(host: str = "127.0.0.1", family: int = socket.AF_INET) -> Iterator[tuple[socket.socket, int]]:
    """A client's socket that a server has accepted, and the port of that server."""
    everywhere = "::" if family == socket.AF_INET6 else ""
    try:
        listener = socket.create_server(
            (everywhere, 0), family=family, dualstack_ipv6=bool(everywhere and socket.has_dualstack_ipv6())
        )
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    with listener, socket.socket(family) as client:
        # Other sockets may share its port if they are connected to other servers.
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind((host, 0))
        client.connect((host, listener.getsockname()[1]))
        with listener.accept()[0]:
            yield client, listener.getsockname()[1]


@pytest.mark.parametrize(
    ("host", "family", "seen"),
    [
        ("127.0.0.1", socket.AF_INET, "127.0.0.1"),
        ("127.0.0.1", socket.AF_INET, "::ffff:127.0.0.1"),
        ("::1", socket.AF_INET6, "::1"),
        # As in a program in Java.
        ("::ffff:127.0.0.1", socket.AF_INET6, "127.0.0.1"),
        ("::ffff:127.0.0.1", socket.AF_INET6, "::ffff:127.0.0.1"),
    ],
)
def test_own_socket(host: str, family: int, seen: str) -> None:
    with connected(host, family) as (client, server_port):
        port = client.getsockname()[1]
        assert socket_users(seen, {port}, server_port) == OWN
        assert socket_users(seen, {port, 1}, None) == OWN
        assert socket_users(seen, set(), server_port) == OWN


def test_ipv6_socket_that_shares_its_port_with_an_ipv4_one() -> None:
    """The IPv4 socket is connected to another server."""
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        connected("::ffff:127.0.0.1", socket.AF_INET6) as (client, server_port),
        other_users_connection(other.getsockname()[1], client.getsockname()[1]),
    ):
        assert socket_users("127.0.0.1", {client.getsockname()[1]}, server_port) == OWN
        assert socket_users("127.0.0.1", set(), server_port) == OWN


def test_listening_socket_does_not_count() -> None:
    with connected() as (client, server_port):
        client.shutdown(socket.SHUT_WR)
        assert socket_users("127.0.0.1", {client.getsockname()[1]}, server_port) == OWN


def test_closed_socket_has_no_user() -> None:
    with connected() as (client, server_port):
        port = client.getsockname()[1]
        client.close()
        assert socket_users("127.0.0.1", {port}, server_port) == frozenset()
        assert socket_users("127.0.0.1", set(), server_port) is None


def test_other_address_or_port_is_another_socket() -> None:
    with connected() as (client, server_port):
        port = client.getsockname()[1]
        assert socket_users("127.0.0.2", {port}, server_port) == frozenset()
        assert socket_users("::1", {port}, server_port) == frozenset()
        assert socket_users("127.0.0.1", set(), 1) is None


OTHER_USER = """
import os, socket, sys

os.setuid(int(sys.argv[1]))
client = socket.socket()
client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
client.bind(("127.0.0.1", int(sys.argv[3])))
client.connect(("127.0.0.1", int(sys.argv[2])))
print("connected", client.getsockname()[1], flush=True)
sys.stdin.read()
"""


@contextmanager
def other_users_connection(server_port: int, port: int = 0) -> Iterator[int]:
    """The port of another user's connection to ``server_port``."""
    if os.geteuid() != 0:
        pytest.skip("only the superuser can act as another user")
    command = [sys.executable, "-c", OTHER_USER, str(NOBODY), str(server_port), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        yield int(other.stdout.readline().split()[1])
        other.communicate("")


def test_other_users_socket() -> None:
    with connected() as (client, server_port), other_users_connection(server_port) as port:
        assert socket_users("127.0.0.1", {port}, server_port) == {NOBODY}
        assert socket_users("127.0.0.1", {client.getsockname()[1]}, server_port) == OWN
        assert socket_users("127.0.0.1", set(), server_port) == {NOBODY, *OWN}


def test_sockets_to_two_servers_can_share_a_port() -> None:
    with connected() as (client, first_port), socket.create_server(("127.0.0.1", 0)) as second:
        port, second_port = client.getsockname()[1], second.getsockname()[1]
        with other_users_connection(second_port, port):
            assert socket_users("127.0.0.1", {port}, first_port) == OWN
            assert socket_users("127.0.0.1", {port}, second_port) == {NOBODY}
            # Through a redirection, for example.
            assert socket_users("127.0.0.1", {port}, 1) == {NOBODY, *OWN}


def test_among_many_that_have_ended() -> None:
    with connected() as (client, server_port), socket.create_server(("127.0.0.1", 0)) as busy:
        for _ in range(300):
            with socket.create_connection(busy.getsockname()), busy.accept()[0]:
                pass
        assert socket_users("127.0.0.1", {client.getsockname()[1]}, server_port) == OWN
