"""Fixtures: a run of several hundred requests, and the databases that can hold a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_livecoverage.store import store_url

from ..support.postgresql import new_database, postgresql_server
from .long_run import folder

__all__ = ["folder"]


@pytest.fixture(scope="session")
def postgresql_if_installed() -> Iterator[sa.Engine | str]:
    """The server, or why there is none. Tests that request it start it before they look which processes run."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(postgresql_server())
        except pytest.skip.Exception as reason:
            yield str(reason)
        else:
            yield server


@pytest.fixture
def postgresql(postgresql_if_installed: sa.Engine | str) -> sa.Engine:
    if isinstance(postgresql_if_installed, str):
        pytest.skip(postgresql_if_installed)
    return postgresql_if_installed


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, postgresql_if_installed: object) -> str:
    """The URL of a store in each kind of database."""
    if request.param == "sqlite":
        return store_url(Path(".livecov"), None)
    return new_database(request.getfixturevalue("postgresql"))
