"""Choosing a run: an older one stays as it was, on all pages, although the code has changed since.

Tests ``dashboard.pages.run_table`` and ``dashboard.pages.what_next``.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest

from flask_livecoverage.journal.data_dir import DataDir

from ..support.html import Page, up_to_date
from ..support.processes import Commands
from .browser import Browser
from .servers import Live, serving

PREFIX = "/__coverage__/"


@dataclass
class Two:
    """A server, and a run that an earlier one has recorded, before the source was changed."""

    live: Live
    older: str
    source: str
    summaries: list[dict[str, Any]]

    def line(self, text: str) -> int:
        """The number of a line of the older source."""
        (found,) = [number for number, line in enumerate(self.source.splitlines(), 1) if text in line]
        return found

    def page(self, path: str = "") -> str:
        """A page about the older run."""
        separator = "&" if "?" in path else "?"
        return self.live.page(f"{path}{separator}run={self.older}")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("runs")
    with serving(folder) as before:
        before.get("/item/5", "few")
        before.get("/item/50", "many")
        before.get("/item/6")
        before.ask("/nowhere")
        # The page makes the process read the run, and keep the contents of its files.
        before.page()
        source = before.source.read_text()
    (older,) = DataDir(folder / ".livecov").runs()
    # A different program: the lines of the older run have other numbers now.
    with serving(folder, app=f"# one more line\n{source}".replace("# few", "# the few")) as live:
        live.page()
        commands = Commands(folder)
        found = commands.livecov("runs", "--format", "json", app=None).wait()
        commands.close()
        yield Two(live, older.id, source, json.loads(found.stdout))


class Links(HTMLParser):
    """The addresses of links, and of forms with their fields, on a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a":
            self.links.append(given["href"])
        elif tag == "form":
            self.forms.append({"method": given["method"]})
        elif tag == "input" and self.forms:
            self.forms[-1][given["name"]] = given.get("value", "")


class TestOlderRun:
    def test_is_kept_on_all_pages(self, two: Two) -> None:
        """Each page that links lead to is about the same run, and so is each form on it."""
        left, seen = [f"{PREFIX}?run={two.older}"], set()
        while left:
            address = left.pop()
            parts = urlsplit(address)
            kind = parts.path, frozenset(parse_qs(parts.query))
            if kind in seen or not parts.path.startswith(PREFIX):
                continue
            seen.add(kind)
            text = two.live.page(address.removeprefix(PREFIX))
            assert 'class="older"' in text, address
            assert "older run</span>" in text, address
            found = Links(text)
            assert all(form == {"method": "get"} | form and form["run"] == two.older for form in found.forms), address
            for link in found.links:
                if not link.startswith("#") and link != PREFIX:
                    assert parse_qs(urlsplit(link).query)["run"] == [two.older], (address, link)
                    left.append(urljoin(address, link))
        paths = {path.removeprefix(PREFIX) for path, _ in seen}
        assert {"", "ui/files", "ui/requests", "ui/tests", "ui/routes", "ui/lines", "ui/priorities", "ui/runs"} <= paths

    def test_has_the_files_as_they_were(self, two: Two) -> None:
        key = re.search(r"ui/files/([0-9a-f]+)\?run=[^\"]*\">shop.py<", two.page("ui/files"))
        assert key
        text = two.page(f"ui/files/{key[1]}?line={two.line('# few')}")
        code = [unescape(re.sub("<[^>]*>", "", line)) for line in re.findall(r"<code>(.*?)</code></td></tr>", text)]
        assert code == two.source.splitlines()
        assert (
            Page(text)
            .text("line-details")
            .startswith(f"2 requests ran line {two.line('# few')} · close RoutesGET /item/<int:number> 2 Testsfew 1")
        )
        assert "data-behind" not in text

    def test_same_numbers_as_the_command(self, two: Two) -> None:
        (summary,) = [run for run in two.summaries if run["id"] == two.older]
        text = two.page()
        executed, statements = re.findall(r"<dt>Lines</dt><dd><strong>(\d+)</strong> of (\d+)<", text)[0]
        assert 100 * int(executed) / int(statements) == pytest.approx(summary["percent"])
        assert summary["requests"] == 4
        assert re.findall(r"<dt>Requests</dt><dd><a[^>]*>(\d+)<", text) == ["4"]

    def test_lines_compared(self, two: Two) -> None:
        text = two.page("ui/compare?of=test:few&of=test:many&show=all")
        assert [row[1:] for row in Page(text).table("counts")[1:]] == [["1", "1", "1"]] * 2
        assert "the few" not in text

    def test_does_not_change_the_server(self, two: Two) -> None:
        """The buttons are about the live run, and are not shown."""
        text = two.page()
        assert "<button" not in text
        assert "data-events" not in text

    def test_missing_names(self, two: Two) -> None:
        answer = two.live.ask(f"{PREFIX}ui/lines?test=none&run={two.older}")
        assert answer.status == 404
        assert "no such test in this run" in answer.text


class TestLiveRun:
    def test_is_the_default(self, two: Two) -> None:
        """The only address that names it is the one for bookmarks, at the foot of the page."""
        (live,) = [run["id"] for run in two.summaries if run["live"]]
        for path in ("", f"?run={live}", "?run="):
            text = two.live.page(path)
            assert "data-events" in text
            assert "older run" not in text
            assert [link for link in Links(text).links if "run=" in link] == [f"{PREFIX}?run={live}"]


class TestOtherRuns:
    @pytest.mark.parametrize("name", ["none", "..", "../runs", "%2e%2e%2fruns", "%00", "%ff", "x" * 2000, "<b>"])
    def test_only_those_of_the_data_directory(self, two: Two, name: str) -> None:
        for path in ("", "ui/files", "ui/runs", "ui/priorities"):
            answer = two.live.ask(f"{PREFIX}{path}?run={name}")
            assert answer.status == 404, path
            assert "it may have been removed" in answer.text
            assert "<b>" not in answer.text

    def test_one_at_a_time(self, two: Two) -> None:
        answer = two.live.ask(f"{PREFIX}?run={two.older}&run={two.older}")
        assert answer.status == 400
        assert "run is given more than once" in answer.text

    def test_removed_run(self, two: Two) -> None:
        folder = DataDir(two.live.source.parent / ".livecov").run(two.older).path
        copy = folder.parent / "a copy"
        shutil.copytree(folder, copy)
        address = f"{PREFIX}ui/files?run=a%20copy"
        up_to_date(lambda: two.live.ask(address).text)
        assert "a copy" in two.live.page("ui/runs")
        shutil.rmtree(copy)
        answer = two.live.ask(address)
        assert answer.status == 404
        message = unescape(re.sub("<[^>]*>", " ", answer.text))
        assert "there is no run 'a copy' in " in message
        assert Links(answer.text).links[-3:-1] == [PREFIX, f"{PREFIX}ui/runs"]


@pytest.mark.browser
class TestInABrowser:
    @pytest.fixture
    def browser(self, chrome: Any, two: Two) -> Iterator[Browser]:
        chrome.get("about:blank")
        chrome.get_log("browser")
        yield Browser(chrome, two.live)
        assert chrome.get_log("browser") == []

    def test_choosing(self, browser: Browser, two: Two) -> None:
        browser.open()
        browser.follow("Runs")
        rows = {row[1].split()[0]: row for row in browser.rows("#runs table")}
        (live,) = [run["id"] for run in two.summaries if run["live"]]
        assert list(rows) == [live, two.older]
        assert [rows[live][7], rows[two.older][3:5]] == ["live", ["2", "4"]]
        assert live in browser.one("tr.shown").text
        browser.follow(two.older)
        assert browser.text("#chosen-run").startswith(f"Run {two.older}")
        browser.follow("Files")
        browser.follow("shop.py")
        assert "one more line" not in browser.text("#source")
        # Its buttons work as those of the live run.
        browser.click("#next")
        assert re.search(r"#L\d+$", browser.driver.current_url)
        browser.submit(f"#L{two.line('# few')} a")
        browser.follow("few")
        assert "2 lines run by test few" in browser.text(".facts")
        browser.follow("Tests")
        for box in browser.all("tbody input"):
            box.click()
        browser.submit(".below button")
        assert [cell.text for cell in browser.all("#counts tfoot td")] == ["1", "1", "1"]
        browser.follow("show the live run")
        assert browser.all("#chosen-run") == []

    def test_what_next(self, browser: Browser, two: Two) -> None:
        """One of three requests went on past the condition; the route with most requests and a gap is first."""
        two.live.get("/form")
        browser.open("ui/priorities")
        (row,) = browser.rows("#priorities table")
        assert row[0] == "GET /form"
        browser.driver.back()
        browser.open(f"ui/priorities?run={two.older}")
        assert "Every line is covered in the functions that the requests enter." in browser.text("#priorities")
        assert "GET /never" in browser.texts("#never li")
