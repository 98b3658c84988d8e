"""A recorded run whose numbers are counted by hand: an application, its clients, and all that can be asked about it."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from ..pytest_plugin.conftest import PYTEST
from ..support.html import Page, up_to_date
from ..support.lines import line_of
from ..support.polling import GUARD_SECONDS, wait_until
from ..support.processes import Command, Commands
from .counted_by_hand import WINDOW_MS

STOCK = """
    def count(number):
        return str(number)  # [in stock]
"""

APP = """
    import threading

    from flask import Flask, request

    import stock

    app = Flask(__name__)
    released = threading.Event()
    done = []

    @app.get("/")
    def index():
        return "home"  # [index]

    @app.get("/item/<int:number>")
    def item(number):
        if number > 9:  # [item]
            return "many"  # [many]
        return stock.count(number)  # [few]

    @app.route("/cart", methods=["GET", "POST", "DELETE"])
    def cart():
        if request.method == "POST":  # [cart]
            return "added"  # [post]
        if request.method == "DELETE":  # [which method]
            return "removed"  # [delete]
        return "cart"  # [get]

    @app.get("/order")
    def order():
        found = dict(  # [order]
            state=str(1),  # [order state]
            total=str(2),  # [order total]
        )
        len(found)  # pragma: no cover [logged]
        return found  # [ordered]

    @app.get("/later")
    def later():
        threading.Thread(target=work).start()  # [later]
        return "soon"  # [soon]

    def work():
        released.wait()  # [work]
        done.append(1)  # [late]

    @app.post("/release")
    def release():
        released.set()  # [release]
        return "released"  # [released]

    @app.get("/ping")
    def ping():
        return "pong"  # [ping]

    @app.get("/never")
    def never():
        return "never"  # [never]

    background = threading.Thread(target=lambda: done.append(0))  # [background]
    background.start()
    background.join()
"""

SUITE = """
    import os
    from urllib.request import Request, urlopen

    def ask(path, method="GET"):
        urlopen(Request(os.environ["LIVECOVERAGE_URL"] + path, method=method)).close()

    def test_home():
        ask("/")

    def test_few():
        ask("/item/1")
        ask("/")

    def test_many():
        ask("/item/10")

    def test_many_again():
        ask("/item/11")
        assert 0

    def test_cart():
        ask("/cart")
        ask("/cart", "POST")

    def test_post():
        ask("/cart", "POST")

    def test_nothing():
        pass
"""


@dataclass
class Shop:
    """The measured server, its folder, and what the suite's run has printed."""

    server: Command
    folder: Path
    stop_summary: dict[str, Any]
    plugin: list[str]
    later: str

    @property
    def source(self) -> Path:
        return self.folder / "shop.py"

    def send(self, path: str, method: str = "GET", **headers: str) -> str:
        """Send a request that belongs to no pytest test; return its id, empty for a control route."""
        return self._ask(path, method, **headers)[1]

    def json(self, route: str, /, **parameters: str) -> Any:
        """The answer of a control route."""
        query = f"?{urlencode(parameters)}" if parameters else ""
        return json.loads(self._ask(f"/__coverage__/{route}{query}")[0])

    def page(self, path: str = "", /, **parameters: str | list[str]) -> Page:
        """A page of the dashboard that shows all that is recorded."""
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return Page(up_to_date(lambda: self._ask(f"/__coverage__/{path}{query}")[0]))

    def _ask(self, path: str, method: str = "GET", **headers: str) -> tuple[str, str]:
        parts = urlsplit(self.server.url)
        connection = HTTPConnection(str(parts.hostname), parts.port, timeout=GUARD_SECONDS)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): text for name, text in headers.items()})
            response = connection.getresponse()
            return response.read().decode(), response.headers.get("Livecov-Request", "")
        finally:
            connection.close()

    def key(self, name: str) -> str:
        """The key of a file in the dashboard's addresses."""
        text, _ = self._ask("/__coverage__/ui/files")
        found = re.search(rf'ui/files/([0-9a-f]+)">{re.escape(name)}<', text)
        assert found
        return found[1]

    def lines(self, *marks: str) -> list[int]:
        """The numbers of the lines of shop.py with these marks."""
        return sorted(line_of(self.source, f"[{mark}]") for mark in marks)


@contextmanager
def recorded_shop(folder: Path) -> Iterator[Shop]:
    """The server in ``folder``, after all requests."""
    commands = Commands(folder)
    # A shell's background job ignores SIGINT, and so would all that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    commands.write("stock.py", STOCK)
    commands.write("shop.py", APP)
    commands.write("test_shop.py", SUITE)
    shop = Shop(commands.serve("--no-report", app="shop"), folder, {}, [], "")
    try:
        _send_requests(shop)
        result = commands.start(*PYTEST, "-v", "test_shop.py", LIVECOVERAGE_URL=shop.server.url).wait()
        assert result.status == 1, result
        shop.plugin = result.stdout.splitlines()
        yield shop
    finally:
        signal.signal(signal.SIGINT, before)
        commands.end_all()
        commands.close()


def _send_requests(shop: Shop) -> None:
    """The requests of clients other than pytest."""
    shop.send("/order", Livecov_Test="by header")
    shop.send("/ping", "HEAD")
    shop.send("/missing")
    shop.json("start", name="window")
    shop.later = shop.send("/later")
    shop.send("/release", "POST")
    _wait_for_late_line(shop)
    shop.stop_summary = shop.json("stop", outcome="skipped", duration_ms=str(WINDOW_MS))


def _wait_for_late_line(shop: Shop) -> None:
    late = set(shop.lines("late"))
    wait_until(
        lambda: late <= set(shop.json(f"requests/{shop.later}")["files"].get("shop.py", ())),
        "the line after the response is recorded",
    )
