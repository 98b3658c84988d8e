"""Everything but live updates works in a browser that runs no scripts.

Tests ``dashboard.application``, ``dashboard.pages.context`` and ``dashboard.pages.rendering``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from selenium import webdriver

from example_app.conftest import chrome_options, chrome_service

from ..support.browser_history import go_back
from .browser import Browser
from .servers import Live

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def chrome() -> Iterator[webdriver.Chrome]:
    options = chrome_options()
    options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=chrome_service()) as driver:
        yield driver


def test_scripts_are_off(browser: Browser, live: Live) -> None:
    """The other tests here rely on the fact that the page does not update itself."""
    browser.open()
    live.get("/item/5")
    # The request is recorded now, and a page with scripts would show it, as another test checks.
    assert "/item/5" in live.page()
    assert browser.all("#requests table") == []
    browser.open()
    assert browser.one("#requests .path a").text == "/item/5"


def test_clicking_through(browser: Browser, live: Live) -> None:
    live.get("/item/5", "few")
    live.get("/item/50", "few and many")
    browser.open()
    browser.one("#name").send_keys("by hand")
    browser.submit("#start")
    assert browser.text("#window p") == "Window by hand is open: 0 requests, nothing new"
    live.get("/item/6")
    browser.submit("#stop")
    browser.follow("Files")
    browser.follow("shop.py")
    (few,) = live.lines("few")
    browser.submit(f"#L{few} a")
    assert browser.one("#line-details p").text == f"2 requests ran line {few} · close"
    never = live.lines("never")[0]
    # Links lead from one missing line to the next; buttons would need scripts.
    assert str(never) in browser.texts("#gaps a")
    assert not any(button.is_displayed() for button in browser.all("#gaps button"))
    browser.follow("few")
    assert "2 lines run by test few" in browser.text(".facts")
    browser.follow("Requests")
    browser.follow("Path")
    assert [cell.text for cell in browser.all("td.path")] == ["/item/5", "/item/50", "/item/6"]
    browser.submit(".below button")
    assert "choose two to compare: mark two rows of a table, and no more" in browser.text("main")
    browser.expect_error(400)
    go_back(browser.driver)
    for box in browser.all("tbody input")[:2]:
        box.click()
    browser.submit(".below button")
    assert [cell.text for cell in browser.all("#counts tfoot td")] == ["1", "1", "1"]
    browser.follow("Duplicates")
    assert [cell.text for cell in browser.all("#groups tbody th")] == ["by hand"]
    browser.follow("What next")
    assert "GET /never" in browser.texts("#never li")
    browser.follow("Change")
    # The test's folder is in no repository.
    assert "is in no git repository" in browser.text("#problem")
    browser.one("#base").send_keys("a-branch")
    browser.submit(".filter button")
    assert "base=a-branch" in browser.driver.current_url
    browser.follow("Runs")
    assert "live" in browser.text("#runs tr.shown")
    browser.submit("#runs tr.shown th a")
    assert browser.text(".big") == browser.text("#run-state strong")
    browser.click("#dump summary")
    assert browser.link("JSON").is_displayed()
    browser.submit("#reset")
    assert "none since the start or the last reset" in browser.text("#summary")
