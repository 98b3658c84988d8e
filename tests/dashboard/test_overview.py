"""The overview, in a real browser: it shows the effects of a known script of requests.

Tests ``dashboard.pages.overview`` and ``control.dashboard_host.events``.
"""

from __future__ import annotations

import urllib.request

import pytest

from .browser import Browser
from .servers import HOSTILE, Live

pytestmark = pytest.mark.browser


def summary(browser: Browser) -> dict[str, str]:
    names, values = browser.texts("#summary dt"), browser.texts("#summary dd")
    return dict(zip(names, values, strict=True))


def test_counts_are_those_of_coverage_py(browser: Browser, live: Live) -> None:
    live.get("/")
    live.get("/item/5")
    live.get("/search?q=tea")
    totals = live.json("dump")["totals"]
    browser.open()
    assert summary(browser) == {
        "Covered": f"{totals['percent']:.0f}%",
        "Lines": f"{totals['covered']} of {totals['statements']}",
        "Files": "1",
        "Requests": "3",
        "Last request": "GET /search +2 lines",
    }
    assert browser.texts("#run-state")[0].split() == [f"{totals['percent']:.0f}%", "recording"]
    startup = totals["covered"] - 1 - 2 - 2
    assert browser.one("svg.chart").get_attribute("aria-label") == (
        f"{startup} lines covered at start-up, {totals['covered']} after 3 requests, of {totals['statements']}."
    )


def test_newest_requests(browser: Browser, live: Live) -> None:
    live.get("/", "first")
    live.get("/item/5", "second")
    live.get("/item/50", "second")
    live.get("/item/7")
    live.ask("/nowhere")
    browser.open()
    rows = browser.rows("#requests table")
    # Without time and milliseconds.
    assert [[row[1], row[2], row[3], *row[5:]] for row in rows] == [
        ["GET", "/nowhere", "404", "0", "0", ""],
        ["GET", "/item/7", "200", "2", "0", ""],
        ["GET", "/item/50", "200", "2", "+1", "second"],
        ["GET", "/item/5", "200", "2", "+2", "second"],
        ["GET", "/", "200", "1", "+1", "first"],
    ]
    browser.follow("/item/50")
    assert browser.texts("table.source .no") == list(map(str, live.lines("how many", "many")))


def test_stream_under_way(browser: Browser, live: Live) -> None:
    """The request is listed from its first chunk on, and marked until the response has ended."""
    enough = live.source.parent / "enough"
    with urllib.request.urlopen(f"{live.url}/stream", timeout=60) as stream:
        try:
            assert stream.read(5) == b"first"
            browser.open()
            browser.until(lambda: browser.rows("#requests table")[0][4] == "under way")
            browser.follow("/stream")
            assert browser.text("#facts").startswith("200 · under way · ")
            browser.open("ui/requests")
            assert browser.rows("table.requests")[0][5] == "under way"
        finally:
            enough.touch()
        assert stream.read() == b"last"
    try:
        browser.until(lambda: browser.rows("table.requests")[0][5] != "under way")
        assert float(browser.rows("table.requests")[0][5].replace(",", "")) > 0
    finally:
        enough.unlink()


def test_map_leads_to_the_source(browser: Browser, live: Live) -> None:
    browser.open()
    assert browser.one(".treemap .fine").text == "shop.py"
    assert "shop.py: " in (browser.one(".treemap title").get_attribute("textContent") or "")
    browser.submit(".treemap rect")
    assert browser.text("h1") == "shop.py"


class TestButtons:
    def test_window(self, browser: Browser, live: Live) -> None:
        browser.open()
        browser.one("#name").send_keys("buy tea")
        browser.submit("#start")
        assert browser.texts("#window p") == ["Window buy tea is open: 0 requests, nothing new"]
        live.get("/item/1")
        browser.until(lambda: [row[7] for row in browser.rows("#requests table")] == ["buy tea"])
        assert browser.texts("#window p") == ["Window buy tea is open: 1 request, +2 lines"]
        browser.submit("#stop")
        assert browser.texts("#window") == ["Window buy tea was closed: 1 request, +2 lines"]
        # This request does not belong to the window.
        live.get("/item/50")
        browser.until(lambda: summary(browser)["Requests"] == "2")
        assert browser.texts("#window") == ["Window buy tea was closed: 1 request, +2 lines"]
        assert live.json("status")["window"] is None
        assert [test["test"] for test in live.json("tests")["tests"]] == ["buy tea"]

    def test_next_window_closes_the_open_one(self, browser: Browser, live: Live) -> None:
        browser.open()
        for name in ("one", "two"):
            browser.one("#name").send_keys(name)
            browser.submit("#start")
            live.get("/")
        browser.until(lambda: browser.text("#window p") == "Window two is open: 1 request, nothing new")
        browser.submit("#stop")
        assert [test["test"] for test in live.json("tests")["tests"]] == ["one", "two"]

    def test_window_without_a_name(self, browser: Browser, live: Live) -> None:
        browser.open()
        browser.submit("#start")
        assert live.json("status")["window"] == "window"
        browser.submit("#stop")

    def test_stop_of_a_closed_window(self, browser: Browser, live: Live) -> None:
        browser.open()
        browser.submit("#start")
        live.ask("/__coverage__/stop", "POST")
        # As on a page that is out of date.
        before = browser.one("html")
        browser.driver.execute_script(
            "const form = document.createElement('form'); form.method = 'post';"
            "form.action = '/__coverage__/ui/stop'; document.body.append(form); form.submit()"
        )
        browser.gone(before)
        assert browser.texts("main p")[0] == "no window is open: it was closed already"
        browser.expect_error(409)

    def test_reset(self, browser: Browser, live: Live) -> None:
        live.get("/item/5")
        browser.open()
        before = summary(browser)
        browser.submit("#reset")
        after = summary(browser)
        assert (before["Requests"], after["Requests"]) == ("1", "0")
        assert int(after["Lines"].split()[0]) == int(before["Lines"].split()[0]) - 2
        assert after["Last request"] == "none since the start or the last reset"
        assert live.json("dump")["requests"] == []

    def test_dump(self, browser: Browser, live: Live) -> None:
        browser.open()
        browser.click("#dump summary")
        links = [link.get_attribute("href") or "" for link in browser.all("#dump a")]
        assert [link.rpartition("=")[2] for link in links] == [
            "json", "text", "markdown", "html", "xml", "lcov", "coverage", "dedup",
        ]  # fmt: skip
        for link in links:
            with urllib.request.urlopen(link, timeout=60) as answer:
                assert answer.status == 200
        # Not shown: to show a text, the browser would request an icon from the application.
        assert all(link.get_attribute("download") for link in browser.all("#dump a"))


class TestLiveUpdates:
    def test_all_kinds_of_changes(self, browser: Browser, live: Live) -> None:
        browser.open()
        live.get("/item/5")
        browser.until(lambda: summary(browser)["Last request"] == "GET /item/5 +2 lines")
        assert browser.rows("#requests table")[0][2] == "/item/5"
        live.ask("/__coverage__/start?name=from%20elsewhere", "POST")
        browser.until(lambda: browser.text("#window").startswith("Window from elsewhere is open: 0 requests"))
        live.ask("/__coverage__/stop", "POST")
        # The window had no requests.
        browser.until(lambda: browser.text("#window") == "No window is open")
        live.reset()
        browser.until(lambda: summary(browser)["Requests"] == "0")

    def test_input_of_the_reader_stays(self, browser: Browser, live: Live) -> None:
        live.get("/item/5")
        browser.open()
        browser.click("#dump summary")
        browser.one("#name").send_keys("half a na")
        browser.driver.execute_script("document.querySelector('#requests .path a').focus()")
        live.get("/item/50")
        browser.until(lambda: summary(browser)["Requests"] == "2")
        assert browser.one("#dump").get_attribute("open")
        assert browser.one("#name").get_attribute("value") == "half a na"
        focused = browser.driver.switch_to.active_element
        assert (focused.tag_name, focused.text) == ("a", "/item/5")

    def test_hidden_pages_keep_no_connection(self, browser: Browser, live: Live) -> None:
        """A browser opens six connections to a server: dashboards in other tabs must leave them to the application."""
        browser.open()
        count = "return performance.getEntriesByType('resource').length"
        first = browser.driver.current_window_handle
        browser.driver.switch_to.new_window("tab")
        try:
            live.get("/item/5")
            live.get("/item/50")
            browser.open()
            browser.until(lambda: summary(browser)["Requests"] == "2")
        finally:
            browser.driver.close()
            browser.driver.switch_to.window(first)
        browser.until(lambda: summary(browser)["Requests"] == "2")
        assert browser.driver.execute_script(count) > 0


def test_hostile_texts_stay_text(browser: Browser, live: Live) -> None:
    live.get("/path/" + "%3C/script%3E%3Cimg%20src=x%20onerror=alert(3)%3E", HOSTILE)
    live.ask("/__coverage__/start?name=%3Cb%3E%22'", "POST")
    try:
        browser.open()
        row = browser.rows("#requests table")[0]
        assert row[2] == "/path/</script><img src=x onerror=alert(3)>"
        assert row[7] == HOSTILE
        assert browser.text("#window p").startswith("Window <b>\"' is open")
        assert browser.all("img, #window b") == []
    finally:
        live.ask("/__coverage__/stop", "POST")
