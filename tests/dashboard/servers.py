"""A measured application whose lines are known, and a client of its dashboard."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPMessage
from pathlib import Path
from urllib.parse import urlencode

from ..support.html import up_to_date
from ..support.lines import line_of
from ..support.measured_server import MeasuredServer
from ..support.processes import Commands

HOSTILE = "</script><img src=x onerror=alert(1)>\"'&amp;{{ 7*7 }}"

APP = """
    import os
    import time

    from flask import Flask, request

    app = Flask(__name__)

    @app.get("/")
    def index():
        return "<title>home</title>"  # index

    @app.get("/item/<int:number>")
    def item(number):
        if number > 9:  # how many
            return "many"  # many
        return "few"  # few

    @app.get("/search")
    def search():
        found = dict(  # search
            words=request.args.get("q", ""),
            count=1,
        )
        return found  # found

    @app.route("/form", methods=["GET", "POST"])
    def form():
        if request.method == "POST":  # which form
            return "sent"  # sent
        return "empty"  # empty

    @app.get("/never")
    def never():
        return "</script><img src=x onerror=alert(2)>\\"'&lt;"  # never

    def hidden():  # pragma: no cover
        return "hidden"

    @app.get("/path/<path:name>")
    def path(name):
        return "path"  # path

    @app.get("/stream")
    def stream():
        def parts():  # defines parts
            yield "first"  # first
            while not os.path.exists("enough"):
                time.sleep(0.01)
            yield "last"
        return parts()  # streams
"""


@dataclass
class Answer:
    """An HTTP response, read to its end."""

    status: int
    headers: HTTPMessage
    text: str


@dataclass
class Live(MeasuredServer):
    """The measured server, and its clients."""

    @property
    def dashboard(self) -> str:
        return f"{self.url}/__coverage__/"

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        host, _, port = self.url.removeprefix("http://").partition(":")
        connection = HTTPConnection(host, int(port), timeout=60)
        try:
            connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode())
        finally:
            connection.close()

    def get(self, path: str, test: str | None = None) -> str:
        """Send a request to the application, and return its id."""
        headers = {} if test is None else {"Livecov-Test": test}
        answer = self.ask(path, **headers)
        assert answer.status == 200
        return str(answer.headers["Livecov-Request"])

    def report(self, test: str, outcome: str, duration_ms: float) -> None:
        """Report the outcome of a test, as its client does."""
        query = urlencode({"test": test, "outcome": outcome, "duration_ms": duration_ms})
        assert self.ask(f"/__coverage__/outcome?{query}", "POST").status == 200

    def page(self, path: str = "") -> str:
        """A page of the dashboard that includes everything recorded."""

        def fetched() -> str:
            answer = self.ask(f"/__coverage__/{path}")
            assert answer.status == 200, answer.text
            return answer.text

        return up_to_date(fetched)

    def lines(self, *texts: str) -> list[int]:
        return sorted(line_of(self.source, f"# {text}") for text in texts)

    def key(self) -> str:
        """The key of the source in addresses."""
        found = re.search(r"ui/files/([0-9a-f]+)\">shop.py<", self.page("ui/files"))
        assert found
        return found[1]


@contextmanager
def serving(folder: Path, *arguments: str, app: str = APP, **environ: str) -> Iterator[Live]:
    """The application's server, in ``folder``."""
    commands = Commands(folder)
    # A shell's background job ignores SIGINT, and so would the processes that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    source = commands.write("shop.py", app)
    live = Live(commands.serve("--no-report", *arguments, app="shop", **environ), source)
    try:
        yield live
    finally:
        signal.signal(signal.SIGINT, before)
        commands.end_all()
        commands.close()
