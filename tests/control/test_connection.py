"""Tests of connection: ports as servers pass them on."""

from __future__ import annotations

import pytest
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from flask_livecoverage.control.connection import client_users


@pytest.mark.parametrize("key", ["REMOTE_PORT", "SERVER_PORT"])
@pytest.mark.parametrize("port", ["", "none", "-1", "65536", "\u0664", "9" * 5000])
def test_malformed_port_is_none(key: str, port: str) -> None:
    environ = {**EnvironBuilder().get_environ(), "REMOTE_ADDR": "127.0.0.1", "REMOTE_PORT": "1", "SERVER_PORT": "1"}
    environ[key] = port
    without = {name: value for name, value in environ.items() if name != key}
    assert client_users(Request(environ)) == client_users(Request(without))
