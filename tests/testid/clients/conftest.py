"""A measured server and another one for all tests of test-identity clients, and hooked clients for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_livecoverage.testid.clients import TestIdentityClients

from .servers import Live, OtherServer, both_servers


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[tuple[Live, OtherServer]]:
    with both_servers(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture
def live(servers: tuple[Live, OtherServer]) -> Live:
    servers[0].reset()
    return servers[0]


@pytest.fixture
def other_server(servers: tuple[Live, OtherServer]) -> OtherServer:
    servers[1].seen()
    return servers[1]


@pytest.fixture
def clients(live: Live) -> Iterator[TestIdentityClients]:
    clients = TestIdentityClients(live.url)
    clients.install()
    yield clients
    clients.uninstall()
