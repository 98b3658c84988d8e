"""The page of two runs gives the answer of ``livecov compare``.

Tests ``dashboard.run_comparison`` and ``dashboard.pages.run_comparison``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.dashboard.run_comparison import Pair, RunComparisons
from flask_livecoverage.dashboard.run_reader import NotReady
from flask_livecoverage.errors import DataError
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.store import StoreHandle, store_url

from ..support.html import Page
from ..support.journals import Writer, run_folder, trace_of
from ..support.polling import wait_until
from ..support.processes import Commands
from .browser import Browser
from .servers import APP, Live, serving

PREFIX = "/__coverage__/"


@dataclass
class Two:
    """A server, and the ids of an older run and of its own."""

    live: Live
    older: str
    newer: str
    source: str

    def compare(self) -> dict[str, Any]:
        """The command's answer."""
        commands = Commands(self.live.source.parent)
        found = commands.livecov("compare", self.older, self.newer, "--format", "json", app=None).wait()
        commands.close()
        assert found.status == 0, found
        return json.loads(found.stdout)

    def page(self, first: str, second: str) -> str:
        return self.live.page(f"ui/compare-runs?of={first}&of={second}")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Two]:
    folder = tmp_path_factory.mktemp("two")
    with serving(folder) as before:
        before.get("/item/5", "few")
        before.get("/item/50", "many")
        before.get("/form", "form")
        before.page()
        source = before.source.read_text()
    (older,) = DataDir(folder / ".livecov").runs()
    with serving(folder, app=f"# one more line\n{APP}".replace("\n    ", "\n")) as live:
        live.get("/item/5", "few")
        live.get("/search?q=x", "search")
        live.page()
        (newer,) = [run for run in DataDir(folder / ".livecov").runs() if run.id != older.id]
        yield Two(live, older.id, newer.id, source)


class TestAnswers:
    def test_same_as_the_command(self, two: Two) -> None:
        answer = two.compare()
        page = Page(two.page(two.older, two.newer))
        ((name, file),) = answer["files"].items()
        ((shown, before, after, lost, gained),) = page.table("files")[1:]
        assert shown == name == "shop.py"
        assert (before, after) == (f"{file['percent_before']:.0f}%", f"{file['percent_after']:.0f}%")
        assert [lost, gained] == [",".join(map(str, file[f"{which}_lines"])) for which in ("lost", "gained")]
        assert page.text("totals").startswith(
            f"{len(file['lost_lines'])} lines lost · {len(file['gained_lines'])} lines gained"
        )
        assert answer["tests"] == {"added": ["search"], "removed": ["form", "many"], "changed": {}}
        assert page.text("tests") == "Only in A 2formmany Only in B 1search"
        assert page.text("routes") == "Only in A 1GET /form Only in B 1GET /search"

    def test_older_run_comes_first(self, two: Two) -> None:
        assert Page(two.page(two.newer, two.older)).table("files") == Page(two.page(two.older, two.newer)).table(
            "files"
        )

    def test_code(self, two: Two) -> None:
        """Lost lines are those of the older source, gained ones those of the present source."""
        answer = two.compare()["files"]["shop.py"]
        sources = two.source.splitlines(), two.live.source.read_text().splitlines()
        rows = re.findall(r'<tr class="([ab])(?: gap)?">(.*?)</tr>', two.page(two.older, two.newer), re.DOTALL)
        shown = [(side, unescape(re.sub("<[^>]*>", "", row.rpartition("<code>")[2])).strip()) for side, row in rows]
        assert shown == [
            *(("a", sources[0][line - 1].strip()) for line in answer["lost_lines"]),
            *(("b", sources[1][line - 1].strip()) for line in answer["gained_lines"]),
        ]

    def test_links_lead_to_the_line_of_the_right_run(self, two: Two) -> None:
        answer = two.compare()["files"]["shop.py"]
        text = two.page(two.older, two.newer)
        for side, lines, run in (("a", answer["lost_lines"], two.older), ("b", answer["gained_lines"], None)):
            links = re.findall(rf'<tr class="{side}(?: gap)?">.*?href="([^"#]*)#L(\d+)"', text)
            assert [int(line) for _, line in links] == lines
            for link, line in links:
                assert (f"run={run}" in link) == (run is not None)
                page = two.live.page(unescape(link).removeprefix(PREFIX))
                assert f'<tr id="L{line}" class="run chosen">' in page


class TestChoice:
    @pytest.mark.parametrize("query", ["", "of={older}", "of={older}&of={older}", "of={older}&of={newer}&of=x", "of="])
    def test_two_are_needed(self, two: Two, query: str) -> None:
        answer = two.live.ask(f"{PREFIX}ui/compare-runs?{query.format(older=two.older, newer=two.newer)}")
        assert answer.status == 400
        assert "choose two runs to compare: mark two rows of the table of runs, and no more" in answer.text

    @pytest.mark.parametrize("name", ["none", "..", "%2e%2e%2fruns", "%00", "<b>"])
    def test_only_runs_of_the_data_directory(self, two: Two, name: str) -> None:
        answer = two.live.ask(f"{PREFIX}ui/compare-runs?of={two.older}&of={name}")
        assert answer.status == 404
        assert "it may have been removed" in answer.text
        assert "<b>" not in answer.text

    @pytest.mark.browser
    def test_marking_two_rows(self, chrome: Any, two: Two) -> None:
        browser = Browser(chrome, two.live)
        browser.open("ui/runs")
        (button,) = browser.all(".below button")
        for box in browser.all("tbody input"):
            assert not button.is_enabled()
            box.click()
        assert button.is_enabled()
        browser.submit(".below button")
        assert browser.text("h1") == "Two runs"
        assert browser.texts(".sides code")[0] == two.older


class TestRemovedRun:
    def test_is_reported(self) -> None:
        for name in ("first", "second"):
            writer = Writer(run_folder(name), "1a", pid=2**22 + 1)
            writer.request(trace_of({"/srv/app.py": [1]}), 1_700_000_000.0)
        directory = DataDir(".livecov")
        with closing(StoreHandle(store_url(Path(".livecov"), None), is_own=True)) as store:
            comparisons = RunComparisons(lambda name: None if name == "second" else directory.find(name), store)
            with pytest.raises(DataError, match="the run second was removed"):
                comparisons.get(Pair("first", "second"))
            comparisons = RunComparisons(directory.find, store)

            def compared() -> bool:
                with suppress(NotReady):
                    return comparisons.get(Pair("first", "second")).is_current
                return False

            wait_until(compared, "both runs are compared")
