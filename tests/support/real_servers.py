"""Servers that ``livecov run --server`` starts, the application that they serve, and what they have recorded."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import shlex
import sys
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from socket import socket

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.model.records import Run

from ..support.journals import only_run
from ..support.lines import line_of
from .processes import PYTHON, Command, Commands, Gate, fetch, read_response, send_request

BIN = shlex.quote(str(Path(sys.executable).parent))

GUNICORN = f"{PYTHON} -m gunicorn --bind {{host}}:{{port}}"
UWSGI = f"{BIN}/uwsgi --http-socket {{host}}:{{port}}"
FLASK_RUN = f"{PYTHON} -m flask run --host {{host}} --port {{port}}"
WAITRESS = f"{PYTHON} -m waitress --listen={{host}}:{{port}}"

# Its import-time lines, and those of `parts`, run before the extension is attached.
APP = """
    import os

    import gate
    import parts
    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/who")
    def who():
        return str(os.getpid())

    @app.get("/wait")
    def wait():
        return gate.wait() or str(os.getpid())

    @app.get("/die")
    def die():
        os.kill(os.getpid(), 9)

    @app.get("/never")
    def never():
        return parts.never()
"""
PARTS = """
    NAMES = ["first"]
    NAMES.append("second")

    def never():
        return NAMES[0]
"""
# The same without the extension.
PLAIN_APP = APP.replace("    from flask_livecoverage import LiveCoverage\n", "").replace("    LiveCoverage(app)\n", "")

SUITE = """
    import gate, os

    print(os.environ["LIVECOVERAGE_URL"], flush=True)
    gate.wait()
"""


@dataclass(frozen=True)
class Live:
    """A server that ``livecov run`` has started, while its suite waits for the gate to open."""

    commands: Commands
    gate: Gate
    run: Command
    url: str

    def end(self) -> None:
        """Let the suite end, and check that the run succeeds."""
        self.gate.open()
        result = self.run.wait()
        errors = [line for line in result.errors if line.startswith("Error") or not self.commands.tracebacks_allowed]
        assert (result.status, errors) == (0, []), result.stderr
        assert "Segmentation Fault" not in result.stderr


def start(commands: Commands, gate: Gate, server: str, app: str | None = None, **environ: str) -> Live:
    """Start ``server``, a command, and wait until it responds."""
    commands.write("app.py", APP)
    commands.write("plain.py", PLAIN_APP)
    commands.write("parts.py", PARTS)
    suite = commands.write("suite.py", SUITE)
    # gunicorn keeps a control socket in the home folder, and leaves others to the garbage collector.
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore", **environ}
    arguments = ("--report", "text", "--server", server, "--", sys.executable, suite)
    run = commands.livecov("run", *arguments, app=app, **environ)
    url = run.match("http.*", "stdout")[0]
    gate.reached()
    return Live(commands, gate, run, url)


def recorded(commands: Commands) -> Run:
    """Read the only run that was recorded."""
    return read_run(only_run(commands.folder))


def lines(run: Run, path: Path) -> set[int]:
    """Return the lines of a file that ran anywhere in a run."""
    return {
        number
        for trace in run.traces.values()
        for name, file_lines in trace.files.items()
        if Path(name) == path
        for number in from_bitmap(file_lines.lines)
    }


def statements(path: Path) -> set[int]:
    """Return the lines on which the statements of a module begin."""
    return {node.lineno for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.stmt)}


def assert_import_was_measured(commands: Commands, run: Run, app: str = "app.py", *others: str) -> None:
    """Assert that all lines of the application ran, except those of views that were not requested."""
    path, parts = commands.folder / app, commands.folder / "parts.py"
    not_requested = {line_of(path, text) for text in ("parts.never()", *others)}
    assert statements(path) - lines(run, path) == not_requested
    assert statements(parts) - lines(run, parts) == {line_of(parts, "return NAMES[0]")}


class Workers:
    """Workers that handle one request each: all but one are held at the gate, so that one gets the next request.

    ``requests_sent`` counts the requests that were sent to them.
    """

    def __init__(self, live: Live, count: int) -> None:
        self._live = live
        self.requests_sent = 0
        self._held = [self._hold() for _ in range(count - 1)]

    def _hold(self) -> tuple[HTTPConnection, socket]:
        self.requests_sent += 1
        return send_request(f"{self._live.url}/wait"), self._live.gate.reached()

    def next(self) -> None:
        """Let another worker respond from now on: one after the other."""
        self._held.append(self._hold())
        self._release(*self._held.pop(0))

    def who(self) -> str:
        """Return the id of the process that responds."""
        self.requests_sent += 1
        status, pid = fetch(f"{self._live.url}/who")
        assert status == 200
        return pid

    def release_all(self) -> None:
        """Let all workers respond."""
        while self._held:
            self._release(*self._held.pop())

    def _release(self, connection: HTTPConnection, passage: socket) -> None:
        passage.close()
        assert read_response(connection)[0] == 200


def gevent_for_gunicorn() -> str | None:
    """Return the reason why gunicorn cannot serve with gevent here; None if it can."""
    try:
        major, minor, _ = importlib.metadata.version("gevent").split(".", 2)
    except importlib.metadata.PackageNotFoundError:
        return "gevent is not installed"
    return None if (int(major), int(minor)) >= (24, 10) else "gunicorn refuses this version of gevent"


def uwsgi() -> str | None:
    """Return the reason why uWSGI is not available here; None if it is."""
    return None if importlib.util.find_spec("pyuwsgi") else "pyuwsgi has no wheel for this Python"
