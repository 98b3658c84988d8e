"""A run with real files; one server and one browser for many tests: each begins with a reset, and a blank page."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from example_app.conftest import chrome_options, chrome_service

from .browser import Browser
from .recording import recording
from .servers import Live, serving

# A fixture for several files.
__all__ = ["recording"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Live]:
    with serving(tmp_path_factory.mktemp("dashboard")) as live:
        yield live


@pytest.fixture
def live(server: Live) -> Live:
    server.reset()
    return server


@pytest.fixture(scope="module")
def chrome() -> Iterator[webdriver.Chrome]:
    options = chrome_options()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=chrome_service()) as driver:
        yield driver


@pytest.fixture
def browser(chrome: webdriver.Chrome, live: Live) -> Iterator[Browser]:
    """A browser whose console must stay empty."""
    chrome.get("about:blank")
    chrome.get_log("browser")
    yield Browser(chrome, live)
    assert chrome.get_log("browser") == []
    chrome.get("about:blank")
