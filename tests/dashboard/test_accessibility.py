"""Whether everybody can read and use the pages: axe-core finds nothing serious, in any colours, on any screen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from ..conftest import REPOSITORY
from .browser import Browser
from .servers import Live

pytestmark = pytest.mark.browser

# Where `make node` installs it.
AXE = REPOSITORY / ".node" / "node_modules" / "axe-core" / "axe.min.js"

RUN = "axe.run(document).then((results) => arguments[0](results.violations))"

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}


@pytest.fixture
def pages(live: Live) -> dict[str, str]:
    """The pages, with something on each."""
    first = live.get("/item/5", "few")
    second = live.get("/item/50", "few and many")
    live.get("/item/6", "also few")
    live.ask("/nowhere")
    key = live.key()
    return {
        "overview": "",
        "files": "ui/files",
        "source": f"ui/files/{key}",
        "source, one line chosen": f"ui/files/{key}?line={live.lines('few')[0]}&test=few",
        "requests": "ui/requests",
        "one request": f"ui/lines?request={first}",
        "two requests": f"ui/compare?of=request:{first}&of=request:{second}&show=all",
        "tests": "ui/tests",
        "routes": "ui/routes",
        "duplicates": "ui/duplicates",
        "duplicates among requests": "ui/duplicates?by=request",
    }


@pytest.fixture(params=["light", "dark"])
def colours(browser: Browser, request: pytest.FixtureRequest) -> Iterator[str]:
    """What the system's setting says."""
    feature = {"name": "prefers-color-scheme", "value": request.param}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    yield request.param
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


@pytest.fixture(params=[DESK, PHONE], ids=["desk", "phone"])
def screen(browser: Browser, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", request.param)
    yield request.param
    browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_axe_finds_nothing(browser: Browser, pages: dict[str, str], colours: str, screen: dict[str, Any]) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: `make node` does it where npm works")
    axe = AXE.read_text()
    found = {}
    for name, path in pages.items():
        browser.open(path)
        browser.driver.execute_script(axe)
        violations = browser.driver.execute_async_script(RUN)
        found[name] = [
            (one["impact"], one["id"], [node["html"][:200] for node in one["nodes"][:3]]) for one in violations
        ]
    assert {name: violations for name, violations in found.items() if violations} == {}


def test_pages_are_as_wide_as_the_screen(browser: Browser, pages: dict[str, str], screen: dict[str, Any]) -> None:
    """What is wider, tables and code, scrolls in its own box."""
    for name, path in pages.items():
        browser.open(path)
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= screen["width"], name


def test_colours_are_the_systems(browser: Browser, live: Live, colours: str) -> None:
    browser.open()
    background = browser.one("body").value_of_css_property("background-color")
    assert background == {"light": "rgba(255, 255, 255, 1)", "dark": "rgba(13, 17, 23, 1)"}[colours]


class TestKeyboard:
    def test_skips_to_the_content(self, browser: Browser, live: Live) -> None:
        browser.open("ui/files")
        browser.driver.switch_to.active_element.send_keys(Keys.TAB)
        first = browser.driver.switch_to.active_element
        assert first.text == "Skip to the content"
        first.send_keys(Keys.ENTER)
        assert browser.driver.current_url.endswith("#main")

    def test_chooses_a_line(self, browser: Browser, live: Live) -> None:
        live.get("/item/5", "few")
        browser.open(f"ui/files/{live.key()}")
        (few,) = live.lines("few")
        browser.one(f"#L{few} a").send_keys(Keys.ENTER)
        browser.until(lambda: browser.all("tr#who"))
        # The keyboard is where it was.
        assert browser.driver.switch_to.active_element.text == str(few)

    def test_reaches_all_that_a_mouse_does(self, browser: Browser, live: Live) -> None:
        """But for the map, which the table of files repeats."""
        browser.open()
        reached = set()
        for _ in range(60):
            browser.driver.switch_to.active_element.send_keys(Keys.TAB)
            reached.add(browser.driver.switch_to.active_element.get_attribute("outerHTML"))
        for element in browser.driver.find_elements(By.CSS_SELECTOR, "a, button, input, summary"):
            if element.is_displayed() and element.get_attribute("tabindex") != "-1":
                assert element.get_attribute("outerHTML") in reached
