"""Two servers for all tests of carriers, and a carrier for each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_livecoverage.testid.clients import Carriers

from .servers import Elsewhere, Live, both_servers


@pytest.fixture(scope="package")
def servers(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[tuple[Live, Elsewhere]]:
    with both_servers(tmp_path_factory.mktemp("carriers")) as servers:
        yield servers


@pytest.fixture
def live(servers: tuple[Live, Elsewhere]) -> Live:
    servers[0].reset()
    return servers[0]


@pytest.fixture
def elsewhere(servers: tuple[Live, Elsewhere]) -> Elsewhere:
    servers[1].seen()
    return servers[1]


@pytest.fixture
def carriers(live: Live) -> Iterator[Carriers]:
    carriers = Carriers(live.url)
    carriers.install()
    yield carriers
    carriers.uninstall()
