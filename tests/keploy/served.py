"""Servers with Keploy's agent: livecov's own and gunicorn, and what Keploy got of their lines."""

from __future__ import annotations

import http.client
import itertools
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ..support.lines import lines_of
from ..support.polling import GUARD_SECONDS
from ..support.processes import GATE_MODULE, Command, Commands, Gate, read_response
from .client import Keploy, keploy_client

APP = """
    import threading

    from flask import Flask, Response

    import gate

    app = Flask(__name__)

    @app.get("/a")
    def a():
        return "this is a"

    @app.get("/b")
    def b():
        return "this is b"

    @app.get("/c")
    def c():
        return "this is c"

    @app.get("/d")
    def d():
        return "this is d"

    @app.get("/header")
    def header():
        return "this is header"

    @app.get("/wait")
    def wait():
        gate.wait()
        return "this is wait"

    @app.get("/stream")
    def stream():
        def parts():
            yield "this is "
            yield "a stream"

        return Response(parts())

    def work():
        return "this is work"

    @app.get("/thread")
    def thread():
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        return "this is thread"

    def work_late():
        first = gate.wait()
        print("this is late")
        second = gate.wait()

    @app.get("/late")
    def late():
        threading.Thread(target=work_late).start()
        return "this is soon"

    def zero():
        return "this is zero"

    def one():
        return "this is one"

    def two():
        return "this is two"

    def three():
        return "this is three"

    @app.get("/number/<int:number>")
    def number(number):
        return (zero, one, two, three)[number]()
"""

GUNICORN = f"{shlex.quote(sys.executable)} -m gunicorn --threads 4 --bind {{host}}:{{port}} -w 2"

SUITE = "import gate, os\nprint(os.environ['LIVECOVERAGE_URL'], flush=True)\ngate.wait()\n"

_numbers = itertools.count()


@pytest.fixture
def keploy() -> Iterator[Keploy]:
    with keploy_client() as keploy:
        yield keploy


@dataclass
class Served:
    """A server with an agent, which is ``agent``, the same process or another."""

    url: str
    agent: Command
    app: Path
    keploy: Keploy
    commands: Commands
    gate: Gate

    def get(self, path: str, test: str | None = None) -> None:
        read_response(self.ask(path, test))

    def ask(self, path: str, test: str | None = None) -> http.client.HTTPConnection:
        test_set, _, name = (test or "").partition("/")
        headers = {"KEPLOY-TEST-ID": name, "KEPLOY-TEST-SET-ID": test_set} if test else {}
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=GUARD_SECONDS)
        connection.request("GET", path, headers=headers)
        return connection

    def lines(self, *texts: str) -> dict[str, list[int]]:
        """The lines that contain these texts, in the form of the agent's reports."""
        return {str(self.app): lines_of(self.app, *texts)} if texts else {}

    def log(self) -> str:
        """The agent's whole log, which ends with its reaction to a command that is sent here."""
        test = f"log/{next(_numbers)}"
        assert self.keploy.send(f"END {test}\n".encode()) == b"ACK\n"
        self.agent.match(f"END {test}: the test was not started, so nothing is reported")
        return self.agent.text("stderr")


def serve(commands: Commands, keploy: Keploy, gate: Gate, **environ: str) -> Served:
    """Start ``serve --keploy``."""
    server = commands.serve("--no-report", "--keploy", *keploy.options, GATE=gate.address, **environ)
    return Served(server.url, server, commands.folder / "app.py", keploy, commands, gate)


def serve_with_gunicorn(commands: Commands, keploy: Keploy, gate: Gate) -> Served:
    """Start gunicorn with two workers, and the agent beside it."""
    suite = commands.write("suite.py", SUITE)
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore", "GATE": gate.address}
    server = f"{GUNICORN} flask_livecoverage.wsgi:app"
    run = commands.livecov("run", "--report", "text", "--server", server, "--", sys.executable, suite, **environ)
    url = run.match("http.*", "stdout")[0]
    gate.reached()
    agent = start_agent(commands, keploy, url)
    agent.match("Keploy's agent listens on")
    return Served(url, agent, commands.folder / "app.py", keploy, commands, gate)


def start_agent(commands: Commands, keploy: Keploy, url: str) -> Command:
    return commands.livecov("keploy", "--url", url, *keploy.options, app=None)


@pytest.fixture(scope="module", params=[serve, serve_with_gunicorn], ids=lambda start: start.__name__)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for all tests that neither end it nor keep it busy."""
    start: Serve = request.param
    folder = tmp_path_factory.mktemp("served")
    with closing(Commands(folder)) as commands, keploy_client() as keploy, closing(Gate()) as gate:
        commands.write("gate.py", GATE_MODULE)
        commands.write("app.py", APP)
        yield start(commands, keploy, gate)
        gate.open()
        commands.end_all()


@pytest.fixture
def served(running: Served) -> Iterator[Served]:
    """The server for one test, which must receive all documents that the agent reports."""
    yield running
    assert not running.keploy.has_received()


@pytest.fixture
def app(commands: Commands) -> Path:
    return commands.write("app.py", APP)


@pytest.fixture
def own(commands: Commands, keploy: Keploy, gate: Gate, app: Path) -> Iterator[Served]:
    """A server of the test's own, which it may end."""
    yield serve(commands, keploy, gate)
    commands.end_all()


Serve = Callable[[Commands, Keploy, Gate], Served]

with_serve_only = pytest.mark.parametrize("running", [serve], indirect=True, ids=["serve"])

with_gunicorn_only = pytest.mark.parametrize(
    "running", [serve_with_gunicorn], indirect=True, ids=["serve_with_gunicorn"]
)
