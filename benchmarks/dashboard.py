"""What the dashboard takes for its pages, and what it costs the application while it is open.

    python -m benchmarks.dashboard [--files 1000] [--requests 100000] [--traces 5000] [--seconds 3]

First an application of so many files, with journals that tell of so many requests, over so many distinct sets of lines.
Each page is asked for several times, as the measured server asks for it; milliseconds are those until the last byte.
Then requests go on being recorded, and each page is asked for just after one, until it tells of it: at the pace of the
page's script.

Then a live server that wrk asks as fast as it answers, in turns with nobody at the dashboard, twice, and with a client
that does there what the page's script does: it holds the stream of events and asks for the page again at the same pace.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tabulate import tabulate
from werkzeug import Request
from werkzeug.test import EnvironBuilder

from flask_livecoverage.control.dashboard_host.relay import Relay
from flask_livecoverage.control.dashboard_host.urls import ServerState
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import to_bitmap, to_hex
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.settings import Settings
from flask_livecoverage.sources.content import content_hash

from .comparison.wrk import run_wrk, script

NOW = 1_700_000_000.0
# As the page's script: between two updates, and at most after one that took the server long.
PACE_SECONDS = 0.5
LATEST_SECONDS = 5.0
UPDATES = 5
STATE = ServerState("", True, "monitoring", "", False, None, 0)


def make_source(number: int, rng: random.Random) -> str:
    """A module of some 150 lines: functions with branches, and a call over several lines."""
    parts = [f'"""Module {number}."""\n']
    for function in range(12):
        parts.append(
            f"def function_{function}(value):\n"
            f"    total = {rng.randrange(100)}\n"
            "    for item in range(value):\n"
            "        if item % 2:\n"
            "            total += item\n"
            "        else:\n"
            "            total -= item\n"
            "    result = dict(\n"
            "        total=total,\n"
            "        value=value,\n"
            "    )\n"
            "    return result\n"
        )
    return "\n".join(parts)


def make_files(folder: Path, count: int, rng: random.Random) -> list[Path]:
    paths = []
    for number in range(count):
        path = folder / f"package_{number % 25}" / f"module_{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make_source(number, rng))
        paths.append(path)
    return paths


def make_traces(paths: list[Path], count: int, rng: random.Random) -> list[Trace]:
    """Distinct traces, of 20 files each, most of them those that all requests pass."""
    contents = {path: content_hash(str(path)) for path in paths}
    traces: dict[str, Trace] = {}
    while len(traces) < count:
        chosen = {paths[int(len(paths) * rng.random() ** 2)] for _ in range(20)}
        files = {}
        for path in chosen:
            functions = rng.sample(range(12), 3)
            lines = {3 + 13 * function + line for function in functions for line in range(1, 12) if rng.random() < 0.8}
            files[str(path)] = FileLines(contents[path], to_bitmap(lines | {4}))
        trace = Trace.of(files)
        traces[trace.id] = trace
    return list(traces.values())


def write_journal(path: Path, token: str, root: Path, requests: int, traces: list[Trace], rng: random.Random) -> None:
    with path.open("w") as journal:
        process = {"version": 1, "pid": 1, "started_at": NOW, "root": str(root), "engine": "monitoring", "reason": ""}
        print(json.dumps({"type": "process", **process, "branch": False, "python": "3.13.0"}), file=journal)
        rules = [[f"/item/{number}/<int:id>", f"shop.item_{number}", ["GET"]] for number in range(300)]
        print(json.dumps({"type": "rules", "rules": rules}), file=journal)
        for trace in traces:
            files = {
                name: {"content": lines.content, "lines": to_hex(lines.lines)} for name, lines in trace.files.items()
            }
            print(json.dumps({"type": "trace", "id": trace.id, "files": files}, separators=(",", ":")), file=journal)
        for number in range(1, requests + 1):
            index = int(len(traces) * rng.random() ** 2)
            request = {
                "type": "request", "id": f"{token}-{number}", "trace": traces[index].id, "method": "GET",
                "route": f"/item/{index % 200}/<int:id>", "endpoint": f"shop.item_{index % 200}",
                "path": f"/item/{index % 200}/{rng.randrange(10**6)}",
                "test": f"tests/test_shop.py::test_{index % 1000}", "status": 200,
                "started_at": NOW + number / 1000, "duration_ms": round(20 * rng.random(), 3),
            }  # fmt: skip
            journal.write(json.dumps(request, separators=(",", ":")) + "\n")


def make_run(folder: Path, options: argparse.Namespace) -> tuple[RunFolder, list[Path]]:
    rng = random.Random(1)
    paths = make_files(folder / "app", options.files, rng)
    traces = make_traces(paths, options.traces, rng)
    run = DataDir(folder / ".livecov").run("benchmark")
    run.path.mkdir(parents=True)
    for number in range(2):
        token = f"{number:08x}"
        requests = options.requests // 2
        write_journal(run.path / f"journal-{token}.jsonl", token, folder, requests, traces, rng)
    return run, paths


class Pages:
    """The pages about a run, from a dashboard's process of their own."""

    def __init__(self, run: RunFolder, root: Path, paths: list[Path]) -> None:
        sources = SimpleNamespace(possible_files=lambda: [str(path) for path in paths])
        recorder = SimpleNamespace(run=run, root=str(root), sources=sources, flush=lambda: None, at_stop=[])
        self.relay = Relay(recorder, Settings())
        self._journal = min(run.path.glob("journal-*"))
        self._last = json.loads(self._journal.read_text().splitlines()[-1])

    def get(self, page: str) -> str:
        path, _, query = page.partition("?")
        request = Request(EnvironBuilder(f"/__coverage__/{path}", query_string=query).get_environ())
        response = self.relay.answer(request, STATE)
        assert response.status_code == 200, (page, response.get_data(True))
        return response.get_data(as_text=True)

    def ask(self, page: str) -> tuple[float, bool]:
        """Milliseconds that a page took, and whether it was there and told all that is recorded."""
        began = time.perf_counter()
        data = self.get(page)
        return 1000 * (time.perf_counter() - began), "data-behind" not in data

    def wait(self, page: str) -> list[float]:
        """Ask for a page until it is there and tells all that is recorded; the milliseconds that each time took."""
        times = []
        while True:
            took, is_there = self.ask(page)
            times.append(took)
            if is_there:
                return times
            time.sleep(PACE_SECONDS)

    def record(self) -> None:
        """One request more, as a server writes it."""
        token, _, number = self._last["id"].rpartition("-")
        self._last.update(id=f"{token}-{int(number) + 1}", started_at=self._last["started_at"] + 1)
        with self._journal.open("a") as journal:
            print(json.dumps(self._last, separators=(",", ":")), file=journal)


def measure(pages: Pages, rounds: int) -> None:
    pages.get("ui/static/icon.svg")
    began = time.perf_counter()
    longest = max(pages.wait(""))
    print(
        f"First figures after {time.perf_counter() - began:.1f} s; until then, pages took {longest:.0f} ms at most.\n"
    )
    key = pages.get("ui/files").partition("ui/files/")[2].partition('"')[0]
    addresses = {
        "overview": "",
        "files": "ui/files",
        "files, by coverage, page 5": "ui/files?sort=percent&page=5",
        "source": f"ui/files/{key}",
        "source, heat by tests, one line chosen": f"ui/files/{key}?heat=tests&line=4",
        "source, one test's": f"ui/files/{key}?test=tests/test_shop.py::test_7",
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
    rows = []
    for name, page in addresses.items():
        began = time.perf_counter()
        first = pages.wait(page)
        waited = time.perf_counter() - began
        times = [pages.ask(page)[0] for _ in range(rounds)]
        updates, behind = [], []
        for _ in range(UPDATES):
            pages.record()
            began = time.perf_counter()
            updates += pages.wait(page)
            behind.append(time.perf_counter() - began)
        row = [max(first), statistics.median(times), max(times), statistics.median(updates), max(updates)]
        rows.append([name, *map("{:.0f}".format, row), f"{waited:.1f}", f"{max(behind):.1f}"])
    headers = (
        "Page", "ms, first time", "median", "worst", "ms, new requests", "worst", "s until it was there",
        "until the new one",
    )  # fmt: skip
    print(tabulate(rows, headers, colalign=("left", *["right"] * 7), disable_numparse=True))


APP = """
from flask import Flask, request

app = Flask(__name__)


@app.get("/<int:number>")
def index(number):
    total = 0
    for item in range(number % 20):
        if item % 2:
            total += item
        else:
            total -= item
    return {"number": number, "total": total, "agent": request.headers.get("User-Agent")}
"""
SERVERS = {
    "livecov serve": "{python} -m flask --app app livecov serve --port {port} --no-report",
    "gunicorn, 2 threads": "{python} -m gunicorn --threads 2 --bind 127.0.0.1:{port} flask_livecoverage.wsgi:app",
}


class Viewer(threading.Thread):
    """Does what the script of an open page does: ``updates`` counts how often the page was asked for."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.updates = 0
        self._base = f"http://127.0.0.1:{port}/__coverage__/"
        self._closed = threading.Event()

    def run(self) -> None:
        version, next_update = "", 0.0
        while not self._closed.is_set():
            # A browser reads on meanwhile, and ends with the server. gunicorn's threads wait for clients that do not.
            with urllib.request.urlopen(f"{self._base}ui/events?version={version}", timeout=60) as stream:
                announced = next((line for line in stream if line.startswith(b"id: ")), None)
            if announced is not None and not self._closed.wait(max(0.0, next_update - time.monotonic())):
                with urllib.request.urlopen(self._base, timeout=60) as page:
                    spent = float(page.headers["Server-Timing"].partition("dur=")[2])
                    version = page.read().decode().partition('data-version="')[2].partition('"')[0]
                self.updates += 1
                next_update = time.monotonic() + min(LATEST_SECONDS, max(PACE_SECONDS, 10 * spent / 1000))
            self._closed.wait(0.5)

    def close(self) -> int:
        self._closed.set()
        # An event ends the wait for one.
        urllib.request.urlopen(f"{self._base}start").close()
        self.join()
        return self.updates


@contextmanager
def serving(command: str, folder: Path) -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command.format(python=sys.executable, port=port).split()
    environ = {**os.environ, "LIVECOVERAGE": "1", "FLASK_APP": "app", "LIVECOVERAGE_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/__coverage__/status", timeout=60).close()
                    break
                except OSError:
                    time.sleep(0.1)
            yield port
        finally:
            server.terminate()


# Twice without: what chance does to a ratio.
TURNS = deque(["open", "closed", "closed again"])


def measure_cost(name: str, command: str, folder: Path, options: argparse.Namespace) -> list[Any]:
    (folder / "app.py").write_text(APP)
    rates: dict[str, list[float]] = {turn: [] for turn in TURNS}
    updates = 0
    with serving(command, folder) as port, script([f"/{number}" for number in range(40)]) as mix:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/__coverage__/", timeout=60).close()
        run_wrk(port, mix, 4, 1)
        for _ in range(options.rounds):
            TURNS.rotate()
            for turn in TURNS:
                viewer = Viewer(port)
                if turn == "open":
                    viewer.start()
                result = run_wrk(port, mix, 4, options.seconds)
                assert not result["failed"], result
                rates[turn].append(result["requests"] / result["seconds"])
                if turn == "open":
                    updates += viewer.close()
    shown = [shown_ratio(rates[turn], rates["closed"]) for turn in ("open", "closed again")]
    return [name, f"{statistics.median(rates['closed']):,.0f}", *shown, updates]


def shown_ratio(rates: list[float], others: list[float]) -> str:
    """Median and quartiles."""
    lower, median, upper = statistics.quantiles(map(operator.truediv, rates, others), n=4)
    return f"{median:.3f} ({lower:.3f} to {upper:.3f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--traces", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=3, help="of each turn with wrk; 0: none")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {options.files:,} files, {options.requests:,} requests\n")
    with tempfile.TemporaryDirectory() as folder:
        run, paths = make_run(Path(folder), options)
        pages = Pages(run, Path(folder), paths)
        try:
            measure(pages, options.rounds)
        finally:
            pages.relay.close()
    if options.seconds:
        rows = []
        for name, command in SERVERS.items():
            with tempfile.TemporaryDirectory() as folder:
                rows.append(measure_cost(name, command, Path(folder), options))
        headers = ("Server", "Requests a second", "Ratio with the page open", "Ratio without it, twice", "Updates")
        print()
        print(tabulate(rows, headers, colalign=("left", *["right"] * 4), disable_numparse=True))


if __name__ == "__main__":
    main()
