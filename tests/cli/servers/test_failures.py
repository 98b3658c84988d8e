"""``livecov run --server`` with commands that are no servers, or serve nothing that is measured."""

from __future__ import annotations

import re
import shlex
import sys

from ..processes import Commands

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
