"""Files and their source, in a real browser, compared with coverage.py's report and a known script of requests.

Tests ``dashboard.pages.files`` and ``dashboard.pages.highlight``.
"""

from __future__ import annotations

from typing import Any

import pytest

from ..support.browser_history import go_back
from .browser import Browser
from .servers import HOSTILE, Live

pytestmark = pytest.mark.browser


def states(browser: Browser) -> dict[str, list[int]]:
    """The numbers of lines by their state."""
    found: dict[str, list[int]] = {}
    for number, name in browser.driver.execute_script(
        "return [...document.querySelectorAll('table.source tbody tr[id^=L]')].map((row) => "
        "[Number(row.id.slice(1)), row.className.split(' ')[0]])"
    ):
        found.setdefault(name, []).append(number)
    return found


def heat(browser: Browser) -> dict[int, int]:
    """The number of requests or tests that ran each line."""
    rows = browser.driver.execute_script(
        "return [...document.querySelectorAll('table.source tbody tr[id^=L]')].map((row) => "
        "[Number(row.id.slice(1)), row.querySelector('.heat').innerText])"
    )
    return {number: int(text) for number, text in rows if text}


def report(live: Live) -> dict[str, Any]:
    found: dict[str, Any] = live.json("dump")["files"]["shop.py"]
    return found


class TestFiles:
    def test_table(self, browser: Browser, live: Live) -> None:
        live.get("/item/5")
        browser.open("ui/files")
        file = report(live)
        executed, missing = len(file["executed_lines"]), len(file["missing_lines"])
        counts = [str(executed + missing), str(missing), str(len(file["excluded_lines"])), f"{file['percent']:.0f}%"]
        assert [row[:5] for row in browser.rows("table.files")] == [["shop.py", *counts]]
        assert browser.texts("tfoot tr")[0].split() == ["Total", *counts]

    def test_filter_and_sort(self, browser: Browser) -> None:
        browser.open("ui/files")
        browser.one("#q").send_keys("SHOP")
        browser.submit(".filter button")
        assert browser.texts("table.files tbody th") == ["shop.py"]
        browser.follow("Missing")
        assert browser.one("th[aria-sort]").text.startswith("Missing")
        assert browser.one("#q").get_attribute("value") == "SHOP"
        browser.one("#q").clear()
        browser.one("#q").send_keys("nothing like it")
        browser.submit(".filter button")
        assert browser.texts("table.files tbody th") == []

    def test_updates(self, browser: Browser, live: Live) -> None:
        browser.open("ui/files")
        before = browser.rows("table.files")[0][2]
        live.get("/item/5")
        browser.until(lambda: int(browser.rows("table.files")[0][2]) == int(before) - 2)


class TestSource:
    @pytest.fixture
    def source(self, browser: Browser, live: Live) -> Browser:
        """The page after a known script of requests: two tests, and requests without one."""
        live.get("/item/5", "few and many")
        live.get("/item/50", "few and many")
        live.get("/item/6", "few")
        live.get("/search?q=tea", "few")
        live.get("/item/7")
        browser.open("ui/files")
        browser.follow("shop.py")
        return browser

    def test_states_are_those_of_coverage_py(self, source: Browser, live: Live) -> None:
        file = report(live)
        found = states(source)
        # The call over four lines is one statement, of which the first line counts.
        (search,) = live.lines("search")
        assert found["run"] == sorted([*file["executed_lines"], *range(search + 1, search + 4)])
        assert found["missing"] == file["missing_lines"]
        assert found["excluded"] == file["excluded_lines"]

    def test_source_is_the_text_of_the_file(self, source: Browser, live: Live) -> None:
        shown = source.driver.execute_script(
            "return [...document.querySelectorAll('table.source code')].map((code) => code.textContent)"
        )
        assert shown == live.source.read_text().splitlines()
        assert source.all("table.source .k"), "highlighted"
        assert source.all("img") == []

    def test_heat(self, source: Browser, live: Live) -> None:
        choice, many, few = live.lines("how many", "many", "few")
        search, found = live.lines("search", "found")
        assert heat(source) == {choice: 4, many: 1, few: 3, search: 1, found: 1}
        # Four hits and one, on a logarithmic scale.
        assert source.one(f"#L{choice} .heat").get_attribute("class") == "heat h9"
        assert source.one(f"#L{many} .heat").get_attribute("class") == "heat h1"
        source.driver.find_element("css selector", "#heat option[value=tests]").click()
        source.submit(".filter button")
        assert heat(source) == {choice: 2, many: 1, few: 2, search: 1, found: 1}

    def test_choosing_a_line(self, source: Browser, live: Live) -> None:
        (few,) = live.lines("few")
        source.click(f"#L{few} a")
        source.until(lambda: source.all("tr#line-details"))
        lists = ["\n".join(text.split("\n")[1:]) for text in source.texts("#line-details .columns > div")]
        assert lists[0].split("\n") == ["GET /item/<int:number> 3"]
        assert lists[1].split("\n") == ["few 1", "few and many 1"]
        newest = [line.rpartition(" ")[0] for line in lists[2].split("\n")]
        assert newest == ["GET /item/7", "GET /item/6", "GET /item/5"]
        assert source.driver.current_url.endswith(f"#L{few}")
        # The details are updated while the line is chosen.
        live.get("/item/8", "third")
        source.until(lambda: "third" in source.text("#line-details"))
        go_back(source.driver)
        source.until(lambda: not source.all("tr#line-details"))

    def test_line_that_did_not_run(self, source: Browser, live: Live) -> None:
        (never,) = live.lines("never")
        source.click(f"#L{never} a")
        assert source.until(lambda: source.texts("#line-details p")) == [f"Line {never} did not run · close"]

    def test_line_of_start_up(self, source: Browser, live: Live) -> None:
        source.click("#L1 a")
        text = "Line 1 ran at start-up, or in the background, and in no request · close"
        assert source.until(lambda: source.texts("#line-details p")) == [text]
        source.link("close").click()
        source.until(lambda: not source.all("tr#line-details"))

    @pytest.mark.parametrize(
        ("field", "value", "shown", "others"),
        [
            ("test", "few", ["how many", "few", "search", "found"], ["many"]),
            ("test", "few and many", ["how many", "few", "many"], ["search", "found"]),
            ("route", "/search", ["search", "found"], ["how many", "few", "many"]),
            ("route", "GET /item/<int:number>", ["how many", "few", "many"], ["search", "found"]),
        ],
    )
    def test_filter(
        self, source: Browser, live: Live, field: str, value: str, shown: list[str], others: list[str]
    ) -> None:
        source.one(f"#{field}").send_keys(value)
        source.submit(".filter button")
        found = states(source)
        firsts = {*live.lines("search", "found", "how many", "few", "many")}
        assert firsts & {*found["run"]} == {*live.lines(*shown)}
        assert firsts & {*found["others"]} == {*live.lines(*others)}
        assert {*found["missing"]} == {*report(live)["missing_lines"]}
        assert {*heat(source)} == {*live.lines(*shown)}
        assert f"{len(shown)} lines run by" in source.text(".facts")
        source.follow("show all")
        assert "others" not in states(source)

    def test_filter_by_request(self, source: Browser, live: Live) -> None:
        (many,) = live.lines("many")
        source.click(f"#L{many} a")
        source.until(lambda: source.all("tr#line-details"))
        source.follow("GET /item/50")
        assert {*heat(source)} == {*live.lines("how many", "many")}
        assert heat(source) == dict.fromkeys(live.lines("how many", "many"), 1)

    def test_filter_by_one_of_several_like_requests(self, source: Browser, live: Live) -> None:
        """It counts as one request, whatever other requests ran the same lines."""
        one = live.get("/item/9")
        source.open(f"ui/files/{live.key()}?request={one}")
        lines = live.lines("how many", "few")
        assert heat(source) == dict.fromkeys(lines, 1)
        assert {*live.lines("many", "search")} <= {*states(source)["others"]}
        source.open(f"ui/files/{live.key()}?request={one}&heat=tests")
        assert heat(source) == {}
        assert {*lines} <= {*states(source)["run"]}

    def test_names_to_choose_from(self, source: Browser) -> None:
        names = "return [...document.querySelectorAll(arguments[0] + ' option')].map((option) => option.value)"
        assert source.driver.execute_script(names, "#tests") == ["few", "few and many"]
        assert source.driver.execute_script(names, "#routes") == ["GET /item/<int:number>", "GET /search"]

    def test_hostile_names_stay_text(self, source: Browser, live: Live) -> None:
        live.get("/item/5", HOSTILE)
        source.one("#test").send_keys(HOSTILE)
        source.submit(".filter button")
        assert f"run by test {HOSTILE} ·" in source.text(".facts")
        assert source.one("#test").get_attribute("value") == HOSTILE
        assert source.all("img") == []


class TestMissingLines:
    """Steps from one missing line to the next, by key, by button and from the table of files."""

    @pytest.fixture
    def missing(self, browser: Browser, live: Live) -> list[int]:
        """The first lines of the missing ranges, as the page shows them."""
        live.get("/item/5")
        live.get("/search?q=tea")
        browser.open(f"ui/files/{live.key()}")
        found = report(live)["missing_lines"]
        return [line for line in found if line - 1 not in found]

    def current_line(self, browser: Browser) -> int:
        """The line to which the page has scrolled, once it is visible."""
        (row,) = browser.all("tr.here")
        # It may still be scrolling.
        seen = "const box = arguments[0].getBoundingClientRect(); return box.top >= 0 && box.bottom <= innerHeight"
        browser.until(lambda: browser.driver.execute_script(seen, row))
        assert "missing" in (row.get_attribute("class") or "")
        return int((row.get_attribute("id") or "")[1:])

    def test_keys(self, browser: Browser, missing: list[int]) -> None:
        assert len(missing) >= 3
        assert "keys k and j" in browser.text("#gaps")
        visited = []
        for key in ("j" * len(missing)) + "j" + "kk":
            browser.one("body").send_keys(key)
            visited.append(self.current_line(browser))
        # From the last to the first, and back again.
        assert visited == [*missing, missing[0], missing[-1], missing[-2]]

    def test_buttons(self, browser: Browser, missing: list[int]) -> None:
        browser.click("#next")
        browser.click("#next")
        assert self.current_line(browser) == missing[1]
        browser.click("#previous")
        assert self.current_line(browser) == missing[0]

    def test_typing_is_typing(self, browser: Browser, missing: list[int]) -> None:
        browser.one("#test").send_keys("jk")
        assert browser.one("#test").get_attribute("value") == "jk"
        assert browser.all("tr.here") == []

    def test_list_in_the_table_of_files(self, browser: Browser, live: Live, missing: list[int]) -> None:
        browser.open("ui/files")
        links = browser.all("table.files .ranges a")
        assert [int(link.text.partition("\N{EN DASH}")[0]) for link in links] == missing
        before = browser.one("html")
        links[1].click()
        browser.gone(before)
        assert browser.driver.current_url.endswith(f"#L{missing[1]}")
        browser.one("body").send_keys("j")
        assert self.current_line(browser) == missing[2]

    def test_lines_executed_meanwhile(self, browser: Browser, live: Live, missing: list[int]) -> None:
        many = live.lines("many")[0]
        assert str(many) in browser.texts("#gaps a")
        live.get("/item/50")
        browser.until(lambda: str(many) not in browser.texts("#gaps a"))
        assert browser.one("#next").is_displayed()


def test_unknown_file(browser: Browser) -> None:
    browser.driver.get(f"{browser.live.dashboard}ui/files/0123456789abcdef")
    expected = ["no such file: it may have been changed or removed since", "Back to the overview · choose a run"]
    # If reading the run takes longer, the page first reports that, and then reloads.
    browser.until(lambda: browser.texts("main p")[-2:] == expected)
    browser.expect_error(404)
