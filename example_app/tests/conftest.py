"""Each test is a window: what the server executes meanwhile is what the test executes."""

from collections.abc import Iterator
from contextlib import suppress
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import urlopen

import pytest


@pytest.fixture(autouse=True)
def window(request: pytest.FixtureRequest, base_url: str) -> Iterator[None]:
    # Where nobody measures, there is no such route.
    with suppress(HTTPError):
        urlopen(f"{base_url}/__coverage__/start?name={quote(request.node.nodeid)}").close()
    yield
    with suppress(HTTPError):
        urlopen(f"{base_url}/__coverage__/stop").close()
