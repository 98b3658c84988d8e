"""A measured server, and another server that records the headers it receives."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...support.measured_server import MeasuredServer
from ...support.polling import wait_until
from ...support.processes import Command, Commands, fetch

APP = """
    from flask import Flask, redirect, request

    app = Flask(__name__)

    @app.get("/page/<name>")
    def page(name):
        if name == "one":
            return "<title>one</title>"  # one
        if name == "two":
            return "<title>two</title>"  # two
        return f"<title>{name}</title>"

    @app.route("/redirect", methods=["GET", "POST"])
    def redirect_to():
        return redirect(request.args["to"], int(request.args.get("code", 302)))

    @app.get("/frames")
    def frames():
        return "<title>frames</title><iframe src=/page/frame></iframe><img src=/page/image>"

    def page_with(script, name):
        return f"<title>{name}</title><script>{script.replace('NAME', name)}</script>"

    @app.get("/polls/<name>")
    def polls(name):
        script = (
            "setInterval(() => fetch('/page/poll-NAME'), 100);"
            "addEventListener('pagehide', () => navigator.sendBeacon('/beacon/NAME'));"
        )
        return page_with(script, name)

    @app.get("/slow/<name>")
    def slow(name):
        script = (
            "addEventListener('pagehide', () => {"
            "const end = Date.now() + 300; while (Date.now() < end); navigator.sendBeacon('/beacon/NAME'); });"
        )
        return page_with(script, name)

    @app.post("/beacon/<name>")
    def beacon(name):
        return name

    @app.get("/worker.js")
    def worker():
        text = "self.onmessage = event => fetch(event.data).then(() => event.source.postMessage('fetched'))"
        return text, {"Content-Type": "text/javascript"}

    @app.get("/cookies")
    def cookies():
        return dict(request.cookies)

    @app.get("/items/<int:number>")
    def item(number):
        return str(number)

    @app.get("/openapi.json")
    def openapi():
        responses = {"200": {"description": "found"}, "404": {"description": "not found"}}
        number = {"name": "number", "in": "path", "required": True, "schema": {"type": "integer", "minimum": 0}}
        paths = {
            "/items/{number}": {"get": {"parameters": [number], "responses": responses}},
            "/frames": {"get": {"responses": responses}},
        }
        return {"openapi": "3.0.0", "info": {"title": "shop", "version": "1"}, "paths": paths}
"""

# Not measured. It has another address, because cookies do not distinguish ports.
OTHER_APP = """
    import sys
    from flask import Flask, redirect, request
    from werkzeug.serving import make_server

    app = Flask(__name__)
    seen = []

    @app.get("/seen")
    def take_seen():
        taken = seen[:]
        seen.clear()
        return taken

    @app.route("/<path:path>", methods=["GET", "POST"])
    def any(path):
        if path != "favicon.ico":
            seen.append([request.full_path.rstrip("?"), dict(request.headers), request.get_data(as_text=True)])
        return redirect(request.args["to"]) if "to" in request.args else f"<title>{path}</title>"

    server = make_server("127.0.0.2", 0, app, threaded=True)
    print(f" * Running on http://127.0.0.2:{server.port}", file=sys.stderr, flush=True)
    server.serve_forever()
"""


@dataclass
class Live(MeasuredServer):
    """The measured server, and the tests that its requests named."""

    @property
    def port(self) -> str:
        return self.url.rpartition(":")[2]

    def tests(self) -> list[tuple[str, str | None]]:
        """Path and test of each request since :meth:`reset`, in order."""
        return [(record["path"], record["test"]) for record in self.records()]

    def records(self) -> list[dict[str, Any]]:
        found = self.json("requests?limit=1000")["requests"]
        return [record for record in reversed(found) if record["path"] != "/favicon.ico"]

    def lines(self) -> dict[str | None, list[int]]:
        """The lines that each test executed."""
        found: dict[str | None, set[int]] = {}
        for record in self.records():
            files = self.json(f"requests/{record['id']}")["files"]
            found.setdefault(record["test"], set()).update(files.get(self.source.name, ()))
        return {test: sorted(lines) for test, lines in found.items()}

    def wait_for(self, path: str, more: int = 0) -> None:
        """Wait until ``path`` has been requested; with ``more``, that many more times than now."""
        expected = max(1, self._count(path) + more if more else 1)
        wait_until(lambda: self._count(path) >= expected, f"{path} has been requested {expected} times")

    def _count(self, path: str) -> int:
        return sum(found == path for found, _ in self.tests())


@dataclass
class OtherServer:
    """A server that must not receive any test's name."""

    command: Command

    @property
    def url(self) -> str:
        return self.command.url

    def seen(self) -> list[tuple[str, dict[str, str], str]]:
        """Path, headers and body of each request since the last call."""
        return [(path, headers, body) for path, headers, body in json.loads(fetch(f"{self.url}/seen")[1])]

    def received_no_identity(self, *paths: str) -> bool:
        """Return whether it received requests for ``paths``, none of which names a test."""
        seen = self.seen()
        assert [path for path, _, _ in seen] == list(paths)
        received = [header for _, headers, _ in seen for item in headers.items() for header in item]
        return "livecov" not in "\n".join(received).lower()


@contextmanager
def both_servers(folder: Path) -> Iterator[tuple[Live, OtherServer]]:
    commands = Commands(folder)
    source = commands.write("app.py", APP)
    other_app = commands.write("other.py", OTHER_APP)
    live = commands.serve("--no-report")
    other = commands.start(sys.executable, other_app)
    try:
        yield Live(live, source), OtherServer(other)
    finally:
        commands.end_all()
        commands.close()
