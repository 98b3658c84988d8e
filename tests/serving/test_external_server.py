"""``livecov run --server`` with commands that are not servers, or whose application is not measured."""

from __future__ import annotations

import re
import shlex
import sys

import pytest

from ..support.processes import Commands
from ..support.real_servers import GUNICORN, PYTHON

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
    "never answers": (
        "sleep 1000",
        1,
        r"the server did not answer at http://127\.0\.0\.1:\d+ within 5 seconds: its command has no \{port\}, and "
        r"--port was not given: write \{port\} into --server, .*",
    ),
    "listens only": (
        f"{shlex.quote(sys.executable)} -c 'import socket, sys, time; "
        'held = socket.create_server(("127.0.0.1", int(sys.argv[1]))); time.sleep(1000)\' {port}',
        1,
        r"the server did not answer at http://127\.0\.0\.1:\d+ within 5 seconds: .* --startup-timeout",
    ),
    "listens at another port, measured": (
        f"{GUNICORN.replace('{port}', '0')} app:app",
        2,
        r"the server listens on http://127\.0\.0\.1:(\d+), not on http://127\.0\.0\.1:(?!\1)\d+ \(its command has no "
        r"\{port\}, and --port was not given\): write \{host\} and \{port\} into --server .*, or add --port \1",
    ),
    "listens at another port, not measured": (
        f"{shlex.quote(sys.executable)} -m http.server --bind {{host}} 0",
        2,
        r"the server listens on http://127\.0\.0\.1:(\d+), not on http://127\.0\.0\.1:(?!\1)\d+ .* --port \1",
    ),
    "listens at another address": (
        f'{shlex.quote(sys.executable)} -c \'import app; app.app.run(host="127.0.0.2", port=int("{{port}}"))\'',
        2,
        r"the server listens on http://127\.0\.0\.2:(\d+), not on http://127\.0\.0\.1:\1: write \{host\} .*",
    ),
}


def test_servers_that_do_not_answer(commands: Commands) -> None:
    runs = {}
    for name, (server, _, _) in FAILURES.items():
        seconds = "5" if name in ("never answers", "listens only") else "100"
        options = ("--startup-timeout", seconds, "--server", server)
        # gunicorn leaves a socket to the garbage collector.
        environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
        runs[name] = commands.livecov("run", *options, "--", "true", **environ)
    for name, (_, status, message) in FAILURES.items():
        result = runs[name].wait()
        assert (name, result.status) == (name, status)
        assert len(result.errors) == 1
        assert re.fullmatch(f"Error: {message}", result.errors[0]), result.errors


@pytest.mark.parametrize("server", [f"{PYTHON} serves.py {{port}}", f"{GUNICORN.partition(' --bind')[0]} app:app"])
def test_servers_that_take_the_port(commands: Commands, server: str) -> None:
    """An application that serves itself takes it from an argument, gunicorn from the environment's PORT."""
    commands.write("serves.py", "import sys\nfrom app import app\napp.run(port=int(sys.argv[1]))\n")
    suite = commands.write(
        "suite.py",
        "import os, urllib.request\nassert 'FLASK_RUN_FROM_CLI' not in os.environ\n"
        "urllib.request.urlopen(os.environ['LIVECOVERAGE_URL']).close()",
    )
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    options = ("--fail-no-requests", "--report", "text", "--server", server)
    result = commands.run(*options, "--", sys.executable, suite, **environ)
    assert (result.status, result.errors) == (0, [])
