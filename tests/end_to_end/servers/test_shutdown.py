"""``/shutdown`` ends the server that answers it, or reports that it cannot, and signals no other process."""

from __future__ import annotations

import json
import re
import signal
import socket
import sys

import pytest

from ...support.lines import line_of
from ...support.processes import Command, Commands, fetch, wait_until_answered
from ...support.real_servers import FLASK_RUN, GUNICORN, PYTHON, WAITRESS
from .test_each_server import GEVENT_SERVER

APP = """
    import os, signal

    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/pid")
    def pid():
        return str(os.getpid())
"""

# Code by which the server's process ignores signals.
IGNORING = {
    "SIGINT": "signal.signal(signal.SIGINT, lambda *args: None)",
    "all signals": "signal.signal(signal.SIGINT, signal.SIG_IGN); signal.signal(signal.SIGTERM, signal.SIG_IGN)",
}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def start_in_background(commands: Commands, server: str) -> tuple[Command, str]:
    """Start ``server`` as a background job of a script, where SIGINT is ignored; return the script and the URL."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = server.replace("{host}", "127.0.0.1").replace("{port}", str(port))
    environ = {"LIVECOVERAGE": "1", "HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    script = commands.start("sh", "-c", f"{command} &\nwait $!", **environ)
    wait_until_answered(f"{url}/pid", script)
    return script, url


SERVERS = {
    "flask run": f"{FLASK_RUN.replace(' run', ' --app app run')}",
    "flask run with the reloader": f"{FLASK_RUN.replace(' run', ' --app app run')} --reload",
    "gunicorn": f"{GUNICORN} app:app",
    "waitress": f"{WAITRESS} app:app",
    "gevent": f"{PYTHON} server.py {{port}}",
}


@pytest.mark.parametrize("name", SERVERS)
def test_in_the_background_of_a_script(commands: Commands, name: str) -> None:
    if name == "gevent":
        pytest.importorskip("gevent", reason="gevent is not installed here")
    commands.write("app.py", APP)
    commands.write("server.py", GEVENT_SERVER)
    script, url = start_in_background(commands, SERVERS[name])

    assert fetch(f"{url}/shutdown") == (200, "Server shutting down...")

    script.wait()
    executed = commands.report()["files"]["app.py"]["executed_lines"]
    assert line_of(commands.folder / "app.py", "os.getpid()") in executed


@pytest.mark.promise
def test_a_server_that_ignores_sigint(commands: Commands, thorough: bool) -> None:
    if not thorough:
        pytest.skip("takes half a minute: runs with --thorough")
    commands.write("app.py", f"{APP}\n    {IGNORING['SIGINT']}\n")
    script, url = start_in_background(commands, SERVERS["flask run"])

    assert fetch(f"{url}/shutdown") == (200, "Server shutting down...")

    assert "SIGINT did not end the server within 30 seconds" in script.wait().stderr


def test_a_server_that_no_signal_ends(commands: Commands) -> None:
    commands.write("app.py", f"{APP}\n    {IGNORING['all signals']}\n")
    script, url = start_in_background(commands, SERVERS["flask run"])
    pid = fetch(f"{url}/pid")[1]

    status, text = fetch(f"{url}/shutdown")

    assert status == 409
    assert json.loads(text) == {"error": f"the server ignores SIGINT and SIGTERM: end its process {pid} with SIGKILL"}
    # It continues to serve.
    assert fetch(f"{url}/pid") == (200, pid)
    shutdown = commands.livecov("shutdown", "--url", url, app=None).wait()
    assert shutdown.status == 1
    assert re.fullmatch(r"Error: http:\S+ answers 409: the server ignores SIGINT and SIGTERM: .*\n", shutdown.stderr)
    (server,) = [process for process in commands.running() if process.pid == int(pid)]
    server.kill()
    script.wait()


# A process that adopts orphans, as process 1 of a container and a user's service manager do.
ADOPTS = """
    import ctypes, json, os, signal, subprocess, sys, threading

    PR_SET_CHILD_SUBREAPER = 36
    assert ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0
    received = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, frame: received.append(number))
    master = subprocess.Popen(sys.argv[1:], start_new_session=True)
    print("master", master.pid, flush=True)
    master.wait()
    print("adopted", flush=True)
    # Its children now: gunicorn's workers.
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    print(json.dumps(received), flush=True)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets any process adopt orphans")
@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["", "loaded before the fork"])
def test_an_orphaned_worker_signals_no_other_process(commands: Commands, options: list[str]) -> None:
    commands.write("app.py", APP)
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    environ = {"LIVECOVERAGE": "1", "HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    server = [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", *options, "app:app"]
    adopts = commands.start(sys.executable, commands.write("adopts.py", ADOPTS), *server, **environ)
    adopts.match("Booting worker")
    (master,) = [p for p in commands.running() if p.pid == int(adopts.match(r"master (\d+)", "stdout")[1])]
    fetch(f"{url}/pid")
    (worker,) = master.children()

    # The worker checks for its master once a second, but not while it answers a request.
    worker.suspend()
    master.kill()
    adopts.match("adopted", "stdout")
    worker.resume()
    try:
        status, _ = fetch(f"{url}/shutdown")
    except ConnectionError:
        status = 0

    result = adopts.wait()
    if status == 0:
        pytest.skip("the worker ended by itself before the request")
    assert status == 200
    assert (result.status, json.loads(result.stdout.splitlines()[-1])) == (0, [])
    assert signal.SIGTERM.name not in result.stderr
