"""Detects other plugins and test cases that start their own server, or run tests in their own way."""

from __future__ import annotations

from typing import Any

import pytest

_LIVE_SERVERS = {
    "pytest_flask": "pytest-flask's live_server",
    "pytest_django": "pytest-django's live_server",
}
_TEST_CASES = {
    ("flask_testing", "LiveServerTestCase"): "Flask-Testing's LiveServerTestCase",
    ("django", "LiveServerTestCase"): "Django's LiveServerTestCase",
    ("channels", "ChannelsLiveServerTestCase"): "Channels' ChannelsLiveServerTestCase",
}
# pytest-asyncio-cooperative: the hooks around such a test are called after it has ended.
_INTERLEAVING_MARKERS = ("asyncio_cooperative",)


def unmeasured_server(item: pytest.Item) -> str | None:
    """Return the name, for a message, of a server that a test itself starts; None if it starts no known one."""
    info = getattr(item, "_fixtureinfo", None)
    for definition in getattr(info, "name2fixturedefs", {}).get("live_server", ()):
        name = _LIVE_SERVERS.get(_package(definition.func))
        if name is not None:
            return name
    for kind in getattr(getattr(item, "cls", None), "__mro__", ()):
        name = _TEST_CASES.get((_package(kind), kind.__name__))
        if name is not None:
            return name
    return None


def is_interleaved(item: pytest.Item) -> bool:
    """True if another plugin runs this test concurrently with others in this process, outside the hooks around it."""
    return any(item.get_closest_marker(name) is not None for name in _INTERLEAVING_MARKERS)


def _package(found: Any) -> str:
    return str(getattr(found, "__module__", "")).partition(".")[0]
