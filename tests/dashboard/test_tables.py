"""Requests, tests, routes and duplicates, in a real browser, against a known script of requests.

Tests ``dashboard.pages.requests``, ``dashboard.pages.tests``, ``dashboard.pages.routes``,
``dashboard.pages.duplicates``, ``dashboard.pages.group_table`` and ``dashboard.pages.compare``.
"""

from __future__ import annotations

import re

import pytest
from selenium.webdriver.support.ui import Select

from .browser import Browser
from .servers import HOSTILE, Live

pytestmark = pytest.mark.browser


@pytest.fixture
def script(live: Live) -> list[str]:
    """The ids of known requests."""
    return [
        live.get("/item/5", "few"),
        live.get("/item/6", "also few"),
        live.get("/item/50", "few and many"),
        live.get("/item/7", "few and many"),
        live.get("/search?q=tea", "search"),
        live.get("/"),
    ]


def column(browser: Browser, index: int, table: str = "main table") -> list[str]:
    return [row[index] for row in browser.rows(table)]


class TestRequests:
    def test_sorting(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/requests")
        assert column(browser, 3) == ["/", "/search", "/item/7", "/item/50", "/item/6", "/item/5"]
        browser.follow("Path")
        assert column(browser, 3) == ["/", "/item/5", "/item/50", "/item/6", "/item/7", "/search"]
        browser.follow("Path")
        assert column(browser, 3) == ["/search", "/item/7", "/item/6", "/item/50", "/item/5", "/"]
        assert browser.one("th[aria-sort]").get_attribute("aria-sort") == "descending"
        browser.follow("Lines")
        assert column(browser, 6) == ["2", "2", "2", "2", "2", "1"]
        browser.follow("ms")
        took = [float(text) for text in column(browser, 5)]
        assert took == sorted(took, reverse=True)
        browser.follow("New")
        # Only requests with new lines.
        assert [[row[3], row[7]] for row in browser.rows("main table")] == [
            ["/search", "+2"], ["/item/5", "+2"], ["/", "+1"], ["/item/50", "+1"],
        ]  # fmt: skip

    def test_filters(self, browser: Browser, live: Live, script: list[str]) -> None:
        live.ask("/nowhere")
        browser.open("ui/requests")
        browser.one("#test").send_keys("few and many")
        browser.submit(".filter button")
        assert column(browser, 3) == ["/item/7", "/item/50"]
        browser.follow("Path")
        assert column(browser, 3) == ["/item/50", "/item/7"]
        browser.one("#test").clear()
        browser.one("#route").send_keys("/item/<int:number>")
        browser.submit(".filter button")
        assert len(column(browser, 3)) == 4
        browser.one("#route").clear()
        browser.one("#status").send_keys("4xx")
        browser.submit(".filter button")
        assert column(browser, 3) == ["/nowhere"]

    def test_path_of_a_request(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/requests")
        browser.follow("/item/50")
        assert browser.text("h1") == "Request GET /item/50"
        facts = browser.text("#facts")
        for fact in ("200 ·", "route /item/<int:number>", "endpoint item", "test few and many", "+1 line that had not"):
            assert fact in facts
        choice, many = live.lines("how many", "many")
        assert browser.texts("table.source .no") == [str(choice), str(many)]
        assert [text.strip() for text in browser.texts("table.source code")] == [
            "if number > 9:  # how many", 'return "many"  # many',
        ]  # fmt: skip
        assert browser.text("section.file h2") == f"shop.py 2 lines: {choice}-{many}"
        browser.follow("few and many")
        assert browser.text("h1") == "Test few and many"

    def test_statement_over_several_lines(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open(f"ui/lines?request={script[4]}")
        search, found = live.lines("search", "found")
        assert browser.texts("table.source .no") == [str(line) for line in range(search, found + 1)]
        assert browser.text("section.file h2") == f"shop.py 2 lines: {search}, {found}"

    def test_two_side_by_side(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/requests?sort=time")
        for box in browser.all("tbody input")[1:3]:
            box.click()
        browser.submit(".below button")
        assert browser.texts(".sides a") == ["GET /item/6", "GET /item/50"]
        assert browser.rows("#counts") == [["shop.py", "1", "1", "1"]]
        choice, many, few = live.lines("how many", "many", "few")
        assert [row[:3] for row in browser.rows("table.diff")] == [[str(many), "", "B"], [str(few), "A", ""]]
        browser.follow("lines of both too")
        assert [row[:3] for row in browser.rows("table.diff")] == [
            [str(choice), "A", "B"], [str(many), "", "B"], [str(few), "A", ""],
        ]  # fmt: skip

    def test_marks_survive_an_update(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/requests")
        marked = browser.all("tbody input")[1]
        value = marked.get_attribute("value")
        marked.click()
        live.get("/form")
        browser.until(lambda: column(browser, 3)[0] == "/form")
        assert [box.get_attribute("value") for box in browser.all("tbody input:checked")] == [value]

    def test_compares_exactly_two(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/requests")
        button, boxes = browser.one(".below button"), browser.all("tbody input")
        enabled = [button.is_enabled()]
        for box in [*boxes[:3], boxes[0]]:
            box.click()
            enabled.append(button.is_enabled())
        assert enabled == [False, False, True, False, True]
        live.get("/form")
        browser.until(lambda: column(browser, 3)[0] == "/form")
        assert browser.one(".below button").is_enabled()

    def test_long_paths_are_shortened(self, browser: Browser, live: Live) -> None:
        path = f"/path/{'x' * 300}/report.csv"
        live.get(path)
        for page in ("", "ui/requests"):
            browser.open(page)
            (shown,) = browser.texts("td.path")
            assert len(shown) == 60
            assert shown.endswith("/report.csv")
            assert browser.one("td.path span").get_attribute("title") == path

    def test_comparison_without_differences(self, browser: Browser, script: list[str]) -> None:
        browser.open(f"ui/compare?of=request:{script[0]}&of=test:few")
        assert browser.rows("#counts") == [["shop.py", "0", "2", "0"]]
        assert browser.texts("main p")[-1] == "Both executed the same lines."


class TestTests:
    def test_table(self, browser: Browser, script: list[str]) -> None:
        browser.open("ui/tests")
        # Without milliseconds.
        assert [row[1:3] + row[4:] for row in browser.rows("main table")] == [
            ["also few", "1", "2", "0"],
            ["few", "1", "2", "0"],
            ["few and many", "2", "3", "1"],
            ["search", "1", "2", "2"],
        ]
        browser.follow("Own")
        assert column(browser, 1)[0] == "search"
        browser.one("#q").send_keys("few")
        browser.submit(".filter button")
        # The order is kept.
        assert column(browser, 1) == ["few and many", "also few", "few"]

    def test_lines_of_a_test(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/tests")
        browser.follow("few and many")
        lines = list(map(str, live.lines("how many", "many", "few")))
        assert browser.texts("table.source .no") == lines
        # The test is still running.
        live.get("/", "few and many")
        browser.until(lambda: browser.texts("table.source .no") == [*map(str, live.lines("index")), *lines])
        assert "3 requests" in browser.text("#facts")
        browser.open("ui/tests")
        browser.follow("few")
        browser.follow("1 request")
        assert column(browser, 3) == ["/item/5"]

    def test_outcomes(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/tests")
        # Unless one is known, there is nothing about them.
        assert browser.texts("thead th") == ["Test", "Requests", "Total ms", "Lines", "Own"]
        assert browser.all("select") == []
        live.report("few", "passed", 20)
        # The page that is open shows it.
        browser.until(lambda: browser.texts("thead th")[5:] == ["Outcome", "Test ms"])
        assert column(browser, 6) == ["", "passed", "", ""]
        live.report("few and many", "failed", 1234.5)
        live.report("alone", "skipped", 0.25)
        browser.until(lambda: len(column(browser, 6)) == 5)
        assert [row[1:3] + row[6:] for row in browser.rows("main table")] == [
            ["alone", "0", "skipped", "0.2"],
            ["also few", "1", "", ""],
            ["few", "1", "passed", "20.0"],
            ["few and many", "2", "failed", "1,234"],
            ["search", "1", "", ""],
        ]
        browser.follow("Outcome")
        assert column(browser, 6) == ["failed", "skipped", "passed", "", ""]
        browser.follow("Test ms")
        assert column(browser, 1)[:3] == ["few and many", "few", "alone"]
        Select(browser.one("#outcome")).select_by_visible_text("failed")
        browser.submit(".filter button")
        assert column(browser, 1) == ["few and many"]
        browser.follow("few and many")
        assert browser.text("#facts").startswith("failed in 1,234 ms: its lines may end early · 2 requests · ")
        live.report("few and many", "passed", 5)
        browser.until(lambda: browser.text("#facts").startswith("passed in 5.0 ms · 2 requests · "))

    def test_failed_tests_in_other_tables(self, browser: Browser, live: Live, script: list[str]) -> None:
        live.report("few", "failed", 20)
        browser.open("ui/duplicates")
        assert browser.text("#redundant .note").startswith("Not passed: 1 of 4. ")
        assert [row[2] for row in browser.rows("#groups")] == ["few failed"]
        browser.open(f"ui/files/{live.key()}?line={live.lines('few')[0]}")
        assert "few failed 1" in browser.text("div.line-details")
        browser.open("ui/compare?of=test:few&of=test:search")
        assert browser.texts(".sides dd") == ["test few failed 1 request", "test search 1 request"]

    def test_two_side_by_side(self, browser: Browser, script: list[str]) -> None:
        browser.open("ui/tests")
        for box in browser.all("tbody input")[2:4]:
            box.click()
        browser.submit(".below button")
        assert browser.rows("#counts") == [["shop.py", "3", "0", "2"]]

    def test_hostile_names_stay_text(self, browser: Browser, live: Live) -> None:
        live.get("/item/5", HOSTILE)
        live.get("/item/6", "request:x")
        browser.open("ui/tests")
        assert column(browser, 1) == [HOSTILE, "request:x"]
        for box in browser.all("tbody input"):
            box.click()
        browser.submit(".below button")
        assert browser.texts(".sides a") == [HOSTILE, "request:x"]
        browser.follow(HOSTILE)
        assert browser.text("h1") == f"Test {HOSTILE}"
        assert browser.all("img") == []

    def test_without_tests(self, browser: Browser, live: Live) -> None:
        live.get("/")
        browser.open("ui/tests")
        assert "No request has named a test." in browser.text("main")

    def test_milliseconds_are_labelled(self, browser: Browser, live: Live, script: list[str]) -> None:
        """A test shows the sum of its requests, a route their mean."""
        records = live.json("requests")["requests"]
        browser.open("ui/tests")
        assert "Total ms" in browser.texts("thead th")
        durations = [record["duration_ms"] for record in records if record["test"] == "few and many"]
        # Answers are rounded to microseconds, and the page to tenths: once more may be another tenth.
        assert float(browser.rows("main table")[2][3]) == pytest.approx(sum(durations), abs=0.06)
        browser.open("ui/routes?sort=-ms")
        assert browser.texts("#routes th[aria-sort]")[0].startswith("Mean ms")
        rows = browser.rows("#routes table")
        means = [float(row[4]) for row in rows]
        assert means == sorted(means, reverse=True)
        durations = [record["duration_ms"] for record in records if record["endpoint"] == "item"]
        (shown,) = [row[4] for row in rows if row[1] == "GET /item/<int:number>"]
        assert float(shown) == pytest.approx(sum(durations) / len(durations), abs=0.06)


class TestRoutes:
    def test_table(self, browser: Browser, script: list[str]) -> None:
        browser.open("ui/routes")
        # Without milliseconds.
        assert [row[1:4] + row[5:] for row in browser.rows("#routes table")] == [
            ["GET /", "1", "0", "1", "1"],
            ["GET /item/<int:number>", "4", "3", "3", "3"],
            ["GET /search", "1", "1", "2", "2"],
        ]

    def test_never_hit(self, browser: Browser, live: Live, script: list[str]) -> None:
        live.get("/form")
        browser.open("ui/routes")
        assert browser.rows("#never table") == [
            ["/form", "POST (other methods were)", "form"],
            ["/never", "GET", "never"],
            ["/path/<path:name>", "GET", "path"],
            ["/static/<path:filename>", "GET", "static"],
            ["/stream", "GET", "stream"],
        ]

    def test_lines_of_a_route(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/routes")
        browser.follow("GET /item/<int:number>")
        assert browser.text("h1") == "Route GET /item/<int:number>"
        assert browser.texts("table.source .no") == list(map(str, live.lines("how many", "many", "few")))

    def test_requests_without_a_route(self, browser: Browser, live: Live) -> None:
        live.ask("/nowhere")
        browser.open("ui/routes")
        browser.follow("GET (no route)")
        assert browser.texts("main p.quiet") == ["It ran no measured line of the application."]


class TestDuplicates:
    def test_tests(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/duplicates")
        assert browser.rows("#groups") == [["also few", "2", "few"]]
        assert [row[:4] for row in browser.rows("#subsumed")] == [["also few", "2", "few and many", "3"]]
        kept = browser.rows("#kept")
        assert [row[0] for row in kept] == ["search", "few and many"]
        durations = {test["test"]: test["duration_ms"] for test in live.json("tests")["tests"]}
        saved = sum(durations.values()) - durations["search"] - durations["few and many"]
        text = browser.text("#saved")
        assert text.startswith("keeps 2 tests of 4 and all ")
        shown = re.search(r"saves 2 tests and ([\d.]+) of ([\d.]+) ms of the server", text)
        assert shown
        assert [float(figure) for figure in shown.groups()] == pytest.approx([saved, sum(durations.values())], abs=0.06)
        assert "Left out: 1 request that names no test." in browser.text("main")
        browser.follow("compare")
        assert browser.rows("#counts") == [["shop.py", "0", "2", "1"]]

    def test_requests(self, browser: Browser, script: list[str]) -> None:
        browser.open("ui/duplicates")
        browser.submit(".tabs a:last-child")
        assert browser.rows("#groups") == [[script[0], "2", f"{script[1]}, {script[3]}"]]

    def test_updates(self, browser: Browser, live: Live, script: list[str]) -> None:
        browser.open("ui/duplicates")
        live.get("/search?q=again", "search again")
        browser.until(lambda: browser.rows("#groups")[-1][2] == "search again")

    def test_without_tests(self, browser: Browser, live: Live) -> None:
        live.get("/")
        browser.open("ui/duplicates?by=test")
        assert "No request has named a test." in browser.text("main")


def test_pages_agree_with_the_control_routes(browser: Browser, live: Live, script: list[str]) -> None:
    recorded = live.json("requests")["requests"]
    browser.open("ui/requests")
    ids = [box.get_attribute("value") for box in browser.all("tbody input")]
    assert ids == [f"request:{record['id']}" for record in recorded]
