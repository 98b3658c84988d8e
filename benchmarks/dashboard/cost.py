"""Measures how many requests a server answers while a page of the dashboard is open, and while none is."""

from __future__ import annotations

import operator
import os
import socket
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tabulate import tabulate

from ..comparison.wrk import run_wrk, script
from . import MAX_SECONDS, PACE_SECONDS

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
    """Does what the script of an open page does; ``updates`` counts how often it requested the page."""

    def __init__(self, port: int) -> None:
        super().__init__()
        self.updates = 0
        self._base = f"http://127.0.0.1:{port}/__coverage__/"
        self._closed = threading.Event()

    def run(self) -> None:
        version, next_update = "", 0.0
        while not self._closed.is_set():
            # A browser goes on reading, and closes the stream with the server. gunicorn's threads wait for clients
            # that do not.
            with urllib.request.urlopen(f"{self._base}ui/events?version={version}", timeout=60) as stream:
                announced = next((line for line in stream if line.startswith(b"id: ")), None)
            if announced is not None and not self._closed.wait(max(0.0, next_update - time.monotonic())):
                with urllib.request.urlopen(self._base, timeout=60) as page:
                    spent = float(page.headers["Server-Timing"].partition("dur=")[2])
                    version = page.read().decode().partition('data-version="')[2].partition('"')[0]
                self.updates += 1
                next_update = time.monotonic() + min(MAX_SECONDS, max(PACE_SECONDS, 10 * spent / 1000))
            self._closed.wait(0.5)

    def close(self) -> int:
        """Close the page; return how often it was requested."""
        self._closed.set()
        # Causes an event, for which the thread may be waiting.
        urllib.request.urlopen(f"{self._base}start").close()
        self.join()
        return self.updates


@contextmanager
def serving(command: str, folder: Path) -> Iterator[int]:
    """Run a server until the block ends; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    words = command.format(python=sys.executable, port=port).split()
    environ = {**os.environ, "LIVECOVERAGE": "1", "FLASK_APP": "app", "LIVECOVERAGE_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(
        words, cwd=folder, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            wait_for(port)
            yield port
        finally:
            server.terminate()


def wait_for(port: int) -> None:
    """Wait until a server answers."""
    while True:
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{port}/__coverage__/status", timeout=60).close()
        except OSError:
            time.sleep(0.1)


# Closed twice, to show how much a ratio varies by chance.
TURNS = deque(["open", "closed", "closed again"])


HEADERS = ("Server", "Requests a second", "Ratio with the page open", "Ratio without it, twice", "Updates")


def measure_cost(rounds: int, seconds: float) -> None:
    """Print a table of all servers: a number of rounds, with turns of this many seconds."""
    rows = []
    for name, command in SERVERS.items():
        with TemporaryDirectory() as folder:
            rows.append([name, *cost_of(command, Path(folder), rounds, seconds)])
    print(tabulate(rows, HEADERS, colalign=("left", *["right"] * 4), disable_numparse=True))


def cost_of(command: str, folder: Path, rounds: int, seconds: float) -> list[Any]:
    """The figures of a server."""
    (folder / "app.py").write_text(APP)
    rates: dict[str, list[float]] = {turn: [] for turn in TURNS}
    updates = 0
    with serving(command, folder) as port, script([f"/{number}" for number in range(40)]) as mix:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/__coverage__/", timeout=60).close()
        run_wrk(port, mix, 4, 1)
        for _ in range(rounds):
            TURNS.rotate()
            for turn in TURNS:
                viewer = Viewer(port)
                if turn == "open":
                    viewer.start()
                result = run_wrk(port, mix, 4, seconds)
                assert not result["failed"], result
                rates[turn].append(result["requests"] / result["seconds"])
                if turn == "open":
                    updates += viewer.close()
    shown = [shown_ratio(rates[turn], rates["closed"]) for turn in ("open", "closed again")]
    return [f"{statistics.median(rates['closed']):,.0f}", *shown, updates]


def shown_ratio(rates: list[float], others: list[float]) -> str:
    """The median of the ratios, and their quartiles."""
    lower, median, upper = statistics.quantiles(map(operator.truediv, rates, others), n=4)
    return f"{median:.3f} ({lower:.3f} to {upper:.3f})"
