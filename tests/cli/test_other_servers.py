"""``livecov run --server``: the servers that people deploy with, and commands that are none."""

from __future__ import annotations

import importlib.metadata
import json
import re
import shlex
import sys
from typing import Any

import pytest

from ..conftest import line_of
from .processes import Command, Commands, Gate, answer, ask, fetch, wait_until_refused

GUNICORN = f"{shlex.quote(sys.executable)} -m gunicorn --bind {{host}}:{{port}}"

# An application that does not know this package.
PLAIN_APP = """
    from flask import Flask

    import gate

    application = Flask(__name__)

    @application.get("/wait")
    def wait():
        gate.wait()
        return "waited"

    @application.get("/never")
    def never():
        return "never asked for"
"""

SUITE = """
    import gate, os

    print(os.environ["LIVECOVERAGE_URL"], flush=True)
    gate.wait()
"""


@pytest.fixture
def suite(commands: Commands) -> str:
    """A suite that says where the server is, and lasts until the gate opens: the test asks in its place."""
    return str(commands.write("suite.py", SUITE))


def start(commands: Commands, gate: Gate, suite: str, server: str, app: str | None = None) -> tuple[Command, str]:
    # gunicorn keeps a control socket in the home folder, and leaves others to the garbage collector.
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    arguments = ("--report", "text", "--server", server, "--", sys.executable, suite)
    run = commands.livecov("run", *arguments, app=app, **environ)
    url = run.match("http.*", "stdout")[0]
    gate.reached()
    return run, url


def two_at_once(url: str, gate: Gate) -> None:
    first, second = ask(f"{url}/wait"), ask(f"{url}/wait")
    for passage in (gate.reached(), gate.reached()):
        passage.close()
    assert answer(first) == answer(second) == (200, "waited")


def status_of(commands: Commands) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(commands.livecov("status", "--format", "json", app=None).wait().stdout)
    return status


def test_gunicorn_with_two_workers(commands: Commands, gate: Gate, suite: str) -> None:
    run, url = start(commands, gate, suite, f"{GUNICORN} -w 2 app:app")
    two_at_once(url, gate)
    gate.open()
    result = run.wait()

    assert result.status == 0
    assert result.errors == []
    status = status_of(commands)
    assert (status["processes"], status["requests"]) == (2, 2)
    app = commands.folder / "app.py"
    executed = commands.report()["files"]["app.py"]["executed_lines"]
    assert line_of(app, '"waited"') in executed
    assert line_of(app, "never asked for") not in executed


def test_gunicorn_with_threads_and_a_plain_application(commands: Commands, gate: Gate, suite: str) -> None:
    commands.write("plain.py", PLAIN_APP)
    server = f"{GUNICORN} --threads 2 flask_livecoverage.wsgi:app"
    run, url = start(commands, gate, suite, server, app="plain")
    two_at_once(url, gate)
    assert fetch(f"{url}/shutdown") == (200, "Server shutting down...")
    wait_until_refused(url)
    gate.open()
    result = run.wait()

    assert result.status == 0
    assert result.errors == []
    assert status_of(commands)["requests"] == 2
    plain = commands.folder / "plain.py"
    assert commands.report()["files"]["plain.py"]["missing_lines"] == [line_of(plain, "never asked for")]


def test_gunicorn_with_gevent(
    commands: Commands, gate: Gate, suite: str, engine_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not gevent_is_usable():
        pytest.skip("no gevent here that gunicorn takes")
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine_name)
    commands.write("plain.py", PLAIN_APP)
    server = f"{GUNICORN} -k gevent flask_livecoverage.wsgi:app"
    if engine_name == "ctrace":
        refused_with_gevent(commands, server)
        return
    run, url = start(commands, gate, suite, server, app="plain")
    two_at_once(url, gate)
    gate.open()

    assert run.wait().status == 0
    assert status_of(commands)["requests"] == 2
    plain = commands.folder / "plain.py"
    assert commands.report()["files"]["plain.py"]["missing_lines"] == [line_of(plain, "never asked for")]


def refused_with_gevent(commands: Commands, server: str) -> None:
    # gunicorn's own, as for any application that cannot be imported.
    commands.tracebacks_allowed = True
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    result = commands.run("--server", server, "--", "true", app="plain", **environ)

    assert result.status == 1
    assert (
        "the ctrace engine cannot tell requests in greenlets (gevent, eventlet) apart: use Python 3.12" in result.stderr
    )
    assert result.errors[-1].startswith("Error: the server ended with status 3 before it answered")


def gevent_is_usable() -> bool:
    try:
        major, minor, _ = importlib.metadata.version("gevent").split(".", 2)
    except importlib.metadata.PackageNotFoundError:
        return False
    return (int(major), int(minor)) >= (24, 10)


FAILURES = {
    "nothing": ("", 2, "--server is empty: give it a command, such as .*"),
    "half a quote": ("gunicorn '", 2, r"--server cannot be read as a command \(No closing quotation\): gunicorn '"),
    "no such program": ("./nowhere {port}", 2, r"cannot run the server's command './nowhere' \(No such file.*\)"),
    "ends at once": ("sh -c 'exit 5'", 1, "the server ended with status 5 before it answered: see its output above"),
    "not measured": (
        f"{shlex.quote(sys.executable)} -m http.server --bind {{host}} {{port}}",
        1,
        r"the server answers at http://127\.0\.0\.1:\d+ but is not measured: .*flask_livecoverage\.wsgi:app.*",
    ),
    "never answers": ("sleep 1000", 1, r"the server did not answer within 5 seconds: .* --startup-timeout"),
    "listens only": (
        f"{shlex.quote(sys.executable)} -c 'import socket, sys, time; "
        'held = socket.create_server(("127.0.0.1", int(sys.argv[1]))); time.sleep(1000)\' {port}',
        1,
        r"the server did not answer within 5 seconds: .* --startup-timeout",
    ),
}


def test_servers_that_do_not_answer(commands: Commands) -> None:
    runs = {}
    for name, (server, _, _) in FAILURES.items():
        seconds = "5" if name in ("never answers", "listens only") else "100"
        runs[name] = commands.livecov("run", "--startup-timeout", seconds, "--server", server, "--", "true")
    for name, (_, status, message) in FAILURES.items():
        result = runs[name].wait()
        assert (name, result.status) == (name, status)
        assert len(result.errors) == 1
        assert re.fullmatch(f"Error: {message}", result.errors[0])
