"""A page whose server has ended: the last known state stays, and nothing looks live."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from .browser import Browser
from .servers import Live, serving

pytestmark = pytest.mark.browser


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Live]:
    """One for each test, which ends it."""
    with serving(tmp_path) as live:
        yield live


@pytest.fixture(autouse=True)
def _console(browser: Browser) -> Iterator[None]:
    """Empty the console, which contains the requests without an answer."""
    yield
    browser.driver.get("about:blank")
    browser.driver.get_log("browser")


def displayed(browser: Browser, selector: str) -> list[str]:
    return [one.text for one in browser.all(selector) if one.is_displayed()]


def test_server_that_ends(browser: Browser, live: Live) -> None:
    live.get("/item/5", "few")
    browser.open()
    assert displayed(browser, ".on") == ["recording"]
    assert displayed(browser, "#start") == ["Start"]
    live.ask("/shutdown")
    browser.until(lambda: "The server has ended." in browser.text("#connection"))
    assert displayed(browser, ".on") == []
    assert displayed(browser, "header .run-state") == ["ended"]
    assert displayed(browser, "button, summary") == []
    # The last known state.
    assert displayed(browser, "#requests .path") == ["/item/5"]


def test_server_that_is_killed(browser: Browser, live: Live) -> None:
    live.get("/item/5", "few")
    live.get("/item/50", "many")
    browser.open("ui/tests")
    for box in browser.all("tbody input"):
        box.click()
    assert browser.one("[data-compare]").is_enabled()
    live.command.signal(signal.SIGKILL)
    browser.until(lambda: "The server does not answer" in browser.text("#connection"))
    assert displayed(browser, "header .run-state") == ["ended"]
    assert [button.is_enabled() for button in browser.all("main button")] == [False, False]
