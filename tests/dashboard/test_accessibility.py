"""The pages are accessible: axe-core finds no violations, in each colour scheme and at each screen size.

Tests ``dashboard.pages.static``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.facts import note_command, note_working_tree
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.model.run_facts import Command, WorkingTree

from ..support import REPOSITORY
from ..support.journals import Writer, run_folder
from ..support.repositories import GitFolder
from .browser import Browser
from .servers import Live

pytestmark = pytest.mark.browser

# `make node` installs it there.
AXE = REPOSITORY / ".node" / "node_modules" / "axe-core" / "axe.min.js"

RUN = "axe.run(document).then((results) => arguments[0](results.violations))"

PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
DESK = {"width": 1200, "height": 900, "deviceScaleFactor": 1, "mobile": False}


OF_OLDER_RUN = {"overview": "", "files": "ui/files", "what next": "ui/priorities", "change": "ui/change"}


def live_run(live: Live) -> str:
    """The id of the server's run."""
    (run,) = [run for run in DataDir(live.source.parent / ".livecov").runs() if run.id != "older"]
    return run.id


def make_change(live: Live) -> None:
    """Make the application's folder a repository, in which the source has changed since the last commit."""
    if not (live.source.parent / ".git").exists():
        git, source = GitFolder(live.source.parent), live.source.read_text()
        git.commit({".gitignore": ".livecov/\n", live.source.name: source.replace('"few"', '"some"')})
        live.source.write_text(source)


def older_run(live: Live) -> str:
    """Record another run of the same application, with the facts that a command notes; return its id."""
    older = run_folder("older", live.source.parent / ".livecov")
    if not older.journals():
        writer = Writer(older, "1a", pid=2**22 + 1, root=str(live.source.parent))
        content = hash_of(live.source.read_bytes())
        ran = FileLines(content, to_bitmap(live.lines("how many", "few")))
        route = {"route": "/item/<int:number>", "path": "/item/5"}
        writer.request(Trace.of({str(live.source): ran}), 1_700_000_000.0, test="few", **route)
        note_working_tree(older, lambda: WorkingTree("/code", "c0ffee" * 7, "a-branch/of-somebody", True))
        note_command(older, Command(("pytest", "-q", "--base-url", "http://localhost:5000", "tests/browser"), 1))
    return older.id


@pytest.fixture
def pages(live: Live) -> dict[str, str]:
    """The addresses of the pages, each of which has content."""
    first = live.get("/item/5", "few")
    second = live.get("/item/50", "few and many")
    live.get("/item/6", "also few")
    live.ask("/nowhere")
    for test, outcome in [("few", "passed"), ("few and many", "failed"), ("also few", "skipped")]:
        live.report(test, outcome, 20)
    key = live.key()
    older = older_run(live)
    make_change(live)
    return {
        "overview": "",
        "files": "ui/files",
        "source": f"ui/files/{key}",
        "source, one line chosen": f"ui/files/{key}?line={live.lines('few')[0]}&test=few",
        "requests": "ui/requests",
        "one request": f"ui/lines?request={first}",
        "two requests": f"ui/compare?of=request:{first}&of=request:{second}&show=all",
        "tests": "ui/tests",
        "one test": "ui/lines?test=few%20and%20many",
        "routes": "ui/routes",
        "duplicates": "ui/duplicates",
        "duplicates among requests": "ui/duplicates?by=request",
        "what next": "ui/priorities",
        "runs": "ui/runs",
        "two runs": f"ui/compare-runs?of={older}&of={live_run(live)}",
        "change": "ui/change",
        "change since no commit": "ui/change?base=none",
        **{f"{page} of an older run": f"{path}?run={older}" for page, path in OF_OLDER_RUN.items()},
    }


@pytest.fixture(params=["light", "dark"])
def colours(browser: Browser, request: pytest.FixtureRequest) -> Iterator[str]:
    """The colour scheme of the system."""
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
    """Wider content, tables and code, scrolls in its own box."""
    for name, path in pages.items():
        browser.open(path)
        assert browser.driver.execute_script("return document.documentElement.scrollWidth") <= screen["width"], name


class TestPhone:
    """At 390 px, all content of a table is visible, and large enough to be read."""

    @pytest.fixture(autouse=True)
    def _screen(self, browser: Browser) -> Iterator[None]:
        browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", PHONE)
        yield
        browser.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def boxes(self, browser: Browser, selector: str) -> list[dict[str, float]]:
        """The rectangles of the visible elements on the page."""
        found: list[dict[str, float]] = browser.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.getBoundingClientRect())"
            ".filter((box) => box.width).map((box) => ({left: box.left, right: box.right, width: box.width, "
            "height: box.height}))",
            selector,
        )
        return found

    def assert_on_screen(self, browser: Browser, selector: str, count: int) -> None:
        boxes = self.boxes(browser, selector)
        assert len(boxes) == count, selector
        assert all(box["left"] >= 0 and box["right"] <= PHONE["width"] for box in boxes), (selector, boxes)

    def test_navigation(self, browser: Browser, live: Live) -> None:
        browser.open()
        self.assert_on_screen(browser, "nav[aria-label=Pages] a", 9)
        self.assert_on_screen(browser, "#run-state", 1)

    def test_requests(self, browser: Browser, pages: dict[str, str]) -> None:
        for page in ("overview", "requests"):
            browser.open(pages[page])
            row = "table.requests tbody tr:nth-child(2) "
            self.assert_on_screen(browser, f"{row}[data-label]", 3)
            labels = browser.driver.execute_script(
                "return [...document.querySelectorAll(arguments[0])]"
                ".map((cell) => cell.innerText + getComputedStyle(cell, '::after').content)",
                f"{row}[data-label]",
            )
            assert [label.split('"')[1].strip() for label in labels] == ["ms", "lines", "new"]
            for selector in (".path a", ".method", ".status", ".t", ".test a"):
                self.assert_on_screen(browser, row + selector, 1)

    def test_duplicates(self, browser: Browser, pages: dict[str, str]) -> None:
        browser.open(pages["duplicates"])
        for selector in ("#groups th[scope=row]", "#groups td.wide", "#kept th[scope=row]"):
            (box, *_) = self.boxes(browser, selector)
            assert box["width"] > 300
            self.assert_on_screen(browser, selector, len(self.boxes(browser, selector)))

    def test_map(self, browser: Browser, live: Live) -> None:
        browser.open()
        (label,) = self.boxes(browser, ".treemap text")
        assert label["height"] >= 11

    def test_sorting(self, browser: Browser, pages: dict[str, str]) -> None:
        browser.open(pages["tests"])
        browser.follow("Own")
        assert browser.one("th[aria-sort]").text.startswith("Own")


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
        browser.until(lambda: browser.all("tr#line-details"))
        # The keyboard focus is where it was.
        assert browser.driver.switch_to.active_element.text == str(few)

    def test_reaches_all_that_a_mouse_does(self, browser: Browser, live: Live) -> None:
        """Except the map, whose content the table of files repeats."""
        browser.open()
        reached = set()
        for _ in range(60):
            browser.driver.switch_to.active_element.send_keys(Keys.TAB)
            reached.add(browser.driver.switch_to.active_element.get_attribute("outerHTML"))
        for element in browser.driver.find_elements(By.CSS_SELECTOR, "a, button, input, summary"):
            if element.is_displayed() and element.get_attribute("tabindex") != "-1":
                assert element.get_attribute("outerHTML") in reached
