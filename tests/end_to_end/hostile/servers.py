"""A measured application in real servers, and clients that write arbitrary bytes on a socket."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run

from ...support.journals import only_run
from ...support.lines import line_of

PREFIX = "/__coverage__"
TOKEN = "correct-horse"
# A name that the browser resolves to 127.0.0.1.
EVIL = "evil.example"

APPLICATION = """
    from flask import Flask

    app = Flask(__name__)

    @app.get("/tea")
    def tea():
        return "tea"

    @app.post("/tea")
    def brew():
        return "brewed"
"""

COMMANDS = {
    "werkzeug": "{python} -m flask --app application livecov serve --host {host} --port 0 --no-report",
    "gunicorn": "{python} -m gunicorn --threads 4 --bind {bind} --access-logfile - flask_livecoverage.wsgi:app",
    "waitress": "{python} -m waitress --listen={bind} flask_livecoverage.wsgi:app",
    "uWSGI": "{bin}/uwsgi --http-socket {bind} --enable-threads --die-on-term --module flask_livecoverage.wsgi:app",
    "uWSGI's router": "{bin}/uwsgi --http {bind} --enable-threads --die-on-term --module flask_livecoverage.wsgi:app",
}
_LISTENING = re.compile(
    r"(?:Running on|Listening at:|Serving on) (?:http://(?:\[.*\]|[^:]+):(\d+)|unix:(\S+))"
    r"|(?:uWSGI http bound on|bound to TCP address) [^:]+:(\d+)"
)
SECONDS = 60


def write_application(folder: Path) -> Path:
    """Write the application into ``folder``."""
    path = folder / "application.py"
    path.write_text(textwrap.dedent(APPLICATION).lstrip())
    return path


@dataclass
class Server:
    """A running server: its address, its output, and its records."""

    process: subprocess.Popen[str]
    folder: Path
    name: str
    port: int = 0
    unix: str = ""
    output: list[str] = field(default_factory=list)

    def ask(self, data: bytes, *, host: str = "127.0.0.1", end: bool = False) -> Answer:
        """Send ``data`` on a new connection, and read the response; with ``end``, close the sending side first."""
        with self.connect(host) as connection:
            try:
                connection.sendall(data)
                if end:
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # the server has closed the connection
            return read_answer(connection)

    def connect(self, host: str = "127.0.0.1") -> socket.socket:
        """Open a connection to the server."""
        if self.unix:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(SECONDS)
            connection.connect(self.unix)
            return connection
        return socket.create_connection((host, self.port), timeout=SECONDS)

    def request(
        self, target: str, *headers: str, method: str = "GET", host: str | None = None, body: bytes = b""
    ) -> Answer:
        """Send a well-formed request for ``target``, with additional header lines."""
        lines = [
            f"{method} {target} HTTP/1.1",
            f"Host: {host or f'localhost:{self.port}'}",
            "Connection: close",
            *headers,
        ]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        return self.ask("\r\n".join([*lines, "", ""]).encode() + body)

    def recorded(self) -> Run:
        """The server's recorded run."""
        return read_run(only_run(self.folder))

    def marks(self) -> list[dict[str, int]]:
        """The resets of the server's run."""
        return only_run(self.folder).marks()

    def assert_unharmed(self) -> None:
        """No window was opened, nothing was reset, and the server still runs and measures."""
        assert self.process.poll() is None
        assert self.recorded().windows == []
        assert self.marks() == []
        self.assert_exact()

    def assert_exact(self) -> None:
        """The record of a request has exactly the lines that it executes."""
        request_id = self.request("/tea").headers["livecov-request"]
        (record,) = [request for request in self.recorded().requests if request.id == request_id]
        path = self.folder / "application.py"
        assert self.recorded().traces[record.trace].line_numbers() == {str(path): [line_of(path, 'return "tea"')]}

    def assert_quiet(self) -> None:
        """The server has printed no traceback."""
        printed = "".join(self.output)
        assert "Traceback" not in printed, printed[printed.index("Traceback") :][:5000]


@dataclass
class Answer:
    """A response; status 0 if there was none."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def read_answer(connection: socket.socket) -> Answer:
    """Read the response on ``connection``."""
    response = HTTPResponse(connection)
    try:
        response.begin()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    except TimeoutError:
        raise
    except (OSError, HTTPException):
        return Answer()
    finally:
        response.close()


@contextmanager
def running(
    name: str, folder: Path, *, host: str = "127.0.0.1", bind: str = "", token: str = "", **settings: str
) -> Iterator[Server]:
    """Run a server in a separate process until the end of the block; ``settings`` are environment variables."""
    write_application(folder)
    # uWSGI's router does not print the port that it has chosen.
    bind = bind or f"{host}:{free_port() if 'router' in name else 0}"
    command = COMMANDS[name].format(host=host, bind=bind, python=sys.executable, bin=Path(sys.executable).parent)
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_SOURCE": str(folder), "LIVECOVERAGE_RUN": "run"}
    environ |= {"FLASK_APP": "application", "PYTHONUNBUFFERED": "1", **settings}
    if token:
        environ["LIVECOVERAGE_TOKEN"] = token
    process = subprocess.Popen(
        command.split(),
        cwd=folder, env=environ, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    server = Server(process, folder, name)
    listens = threading.Event()
    thread = threading.Thread(target=_read_output, args=(server, listens))
    thread.start()
    try:
        assert listens.wait(SECONDS), "".join(server.output)
        assert process.poll() is None, "".join(server.output)
        yield server
    finally:
        process.terminate()
        process.wait(SECONDS)
        thread.join(SECONDS)
        assert process.stdout is not None
        process.stdout.close()


def free_port() -> int:
    """A port on which no process listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


def _read_output(server: Server, listens: threading.Event) -> None:
    assert server.process.stdout is not None
    for line in server.process.stdout:
        server.output.append(line)
        if not listens.is_set() and (found := _LISTENING.search(line)):
            server.port, server.unix = int(found[1] or found[3] or 0), found[2] or ""
            listens.set()
    listens.set()
