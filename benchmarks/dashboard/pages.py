"""Measures the pages about a recorded run, from a dashboard's process."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

from tabulate import tabulate
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from flask_livecoverage.control.dashboard_host.relay import Relay
from flask_livecoverage.control.dashboard_host.server_state import ServerState
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.settings import Settings

from . import PACE_SECONDS

UPDATES = 5
STATE = ServerState("", True, "monitoring", "", False, None, 0)

# KEY stands for the first file.
ADDRESSES = {
    "overview": "",
    "files": "ui/files",
    "files, by coverage, page 5": "ui/files?sort=percent&page=5",
    "source": "ui/files/KEY",
    "source, heat by tests, one line chosen": "ui/files/KEY?heat=tests&line=4",
    "source, one test's": "ui/files/KEY?test=tests/test_shop.py::test_7",
    "requests": "ui/requests",
    "requests, page 500": "ui/requests?page=500",
    "requests, by ms": "ui/requests?sort=-ms",
    "requests, by path, page 100": "ui/requests?sort=path&page=100",
    "requests, by test": "ui/requests?sort=test",
    "requests, by lines": "ui/requests?sort=-lines",
    "requests, by new lines": "ui/requests?sort=-new",
    "requests, of a test": "ui/requests?test=tests/test_shop.py::test_7",
    "requests, of a route, by ms": "ui/requests?route=/item/7/%3Cint:id%3E&sort=-ms",
    "one request": "ui/lines?request=00000000-77",
    "one test": "ui/lines?test=tests/test_shop.py::test_7",
    "one route": "ui/lines?route=GET%20/item/7/%3Cint:id%3E",
    "two requests": "ui/compare?of=request:00000000-77&of=request:00000000-78&show=all",
    "two tests": "ui/compare?of=test:tests/test_shop.py::test_7&of=test:tests/test_shop.py::test_8",
    "tests": "ui/tests",
    "tests, by own lines": "ui/tests?sort=-own",
    "routes": "ui/routes",
    "duplicates": "ui/duplicates",
    "duplicates among requests": "ui/duplicates?by=request",
}


class Pages:
    """The pages about a run, as the measured server gets them from the dashboard's process."""

    def __init__(self, run: RunFolder, root: Path, paths: Sequence[Path]) -> None:
        sources = SimpleNamespace(possible_files=lambda: [str(path) for path in paths])
        recorder = SimpleNamespace(run=run, root=str(root), sources=sources, flush=lambda: None, at_stop=[])
        self._relay = Relay(recorder, Settings())
        self._journal = min(run.path.glob("journal-*"))
        self._last = json.loads(self._journal.read_text().splitlines()[-1])

    def close(self) -> None:
        """End the dashboard's process."""
        self._relay.close()

    def get(self, page: str) -> str:
        """Request a page."""
        path, _, query = page.partition("?")
        request = Request(EnvironBuilder(f"/__coverage__/{path}", query_string=query).get_environ())
        response = self._relay.answer(request, STATE)
        assert response.status_code == 200, (page, response.get_data(True))
        return response.get_data(as_text=True)

    def time(self, page: str) -> tuple[float, bool]:
        """The milliseconds that a page took, and whether it was ready and shows all that is recorded."""
        began = time.perf_counter()
        text = self.get(page)
        return 1000 * (time.perf_counter() - began), "data-behind" not in text

    def wait(self, page: str) -> tuple[list[float], float]:
        """Request a page until it shows all that is recorded; the milliseconds of each request, and all seconds."""
        times, began = [], time.perf_counter()
        while True:
            took, is_current = self.time(page)
            times.append(took)
            if is_current:
                return times, time.perf_counter() - began
            time.sleep(PACE_SECONDS)

    def record(self) -> None:
        """Write one more request, as a server does."""
        token, _, number = self._last["id"].rpartition("-")
        self._last.update(id=f"{token}-{int(number) + 1}", started_at=self._last["started_at"] + 1)
        with self._journal.open("a") as journal:
            print(json.dumps(self._last, separators=(",", ":")), file=journal)


def measure_pages(pages: Pages, names: Sequence[str], rounds: int) -> None:
    """Print a table of the pages of these names."""
    pages.get("ui/static/icon.svg")
    times, seconds = pages.wait("")
    print(f"First figures after {seconds:.1f} s; until then, pages took {max(times):.0f} ms at most.\n")
    key = pages.get("ui/files").partition("ui/files/")[2].partition('"')[0]
    rows = [[name, *measure_page(pages, ADDRESSES[name].replace("KEY", key), rounds)] for name in names]
    headers = (
        "Page", "ms, first time", "median", "worst", "ms, new requests", "worst", "s until ready",
        "until the new one",
    )  # fmt: skip
    print(tabulate(rows, headers, colalign=("left", *["right"] * 7), disable_numparse=True))


def measure_page(pages: Pages, page: str, rounds: int) -> list[str]:
    """The figures of a page: the first time, when nothing is new, and when one more request is."""
    first, waited = pages.wait(page)
    times = [pages.time(page)[0] for _ in range(rounds)]
    updates, longest = [], 0.0
    for _ in range(UPDATES):
        pages.record()
        took, seconds = pages.wait(page)
        updates += took
        longest = max(longest, seconds)
    row = (max(first), statistics.median(times), max(times), statistics.median(updates), max(updates))
    return [*map("{:.0f}".format, row), f"{waited:.1f}", f"{longest:.1f}"]
