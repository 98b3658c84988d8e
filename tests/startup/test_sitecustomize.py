"""Tests of sitecustomize: recording starts before the application is imported, without other effects.

Tests ``startup.site.sitecustomize``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import flask_livecoverage

from ..end_to_end.servers.test_each_server import GEVENT_SERVER
from ..support.lines import line_of
from ..support.processes import Commands, Gate, fetch, read_response, send_request
from ..support.real_servers import GUNICORN, PYTHON, WAITRESS, gevent_for_gunicorn, lines, recorded, start

STARTUP = Path(flask_livecoverage.__file__).parent / "startup" / "site"

SEEN_APP = """
    import json, subprocess, sys

    import sitecustomize
    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/seen")
    def seen():
        return json.dumps([sitecustomize.__file__, sitecustomize.MARK, sys.modules["sitecustomize"] is sitecustomize,
                           sys.path])

    @app.get("/helpers")
    def helpers():
        for arguments in (["helper.py"], ["-c", "import helped"], ["-c", "import json"]):
            subprocess.run([sys.executable, *arguments], check=True)
        return "done"
"""


def pythonpath_from(folder: Path) -> str:
    """Return a PYTHONPATH that begins with ``folder``."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


def test_is_invisible_and_measures_only_what_imports_the_application(commands: Commands, gate: Gate) -> None:
    commands.write("seen.py", SEEN_APP)
    commands.write("helper.py", "first = 1\nimport helped\n")
    commands.write("helped.py", "second = 2\n")
    own = commands.write("own/sitecustomize.py", 'MARK = "the user\'s"\n')
    live = start(commands, gate, f"{GUNICORN} -w 2 seen:app", PYTHONPATH=pythonpath_from(own.parent))
    file, mark, same, path = json.loads(fetch(f"{live.url}/seen")[1])
    assert (file, mark, same) == (str(own), "the user's", True)
    assert str(STARTUP) not in path
    assert path.index(str(own.parent)) >= 0
    assert fetch(f"{live.url}/helpers") == (200, "done")
    live.end()

    run = recorded(commands)
    # Two workers, but not their master, which imports no application. Two helpers, but not the one that imports none.
    assert len(run.processes) == 4
    assert lines(run, commands.folder / "helper.py") == {1, 2}
    assert lines(run, commands.folder / "helped.py") == {1}


def test_installed_application(commands: Commands, gate: Gate) -> None:
    """coverage.py's configuration names it; otherwise it would not be measured."""
    package = "site-packages/shop"
    module = commands.write(
        f"{package}/__init__.py",
        """
        import atexit, pathlib

        from flask import Flask
        from flask_livecoverage import LiveCoverage

        app = Flask(__name__)
        LiveCoverage(app)
        atexit.register(pathlib.Path("ended").touch)
        """,
    )
    commands.write(".coveragerc", "[run]\nsource = shop\n")
    live = start(commands, gate, f"{WAITRESS} shop:app", PYTHONPATH=pythonpath_from(module.parent.parent))
    live.end()
    assert lines(recorded(commands), module) == {1, 3, 4, 6, 7, 8}
    # A signal would have ended it at once, with the last second's lines unwritten.
    assert (commands.folder / "ended").exists()


def test_switched_off(commands: Commands) -> None:
    commands.write("off.py", "from flask import Flask\n\nimport app\n\napp = app.app\n")
    server = f"{GUNICORN} off:app"
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore", "LIVECOVERAGE_ENABLED": "0"}
    result = commands.run("--server", server, "--", "true", app=None, **environ)
    assert result.status == 1
    assert "is not measured" in result.errors[0]
    assert not (commands.folder / ".livecov").exists()


def python(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    environ = {"PYTHONPATH": pythonpath_from(STARTUP), "LIVECOVERAGE": "1", "LIVECOVERAGE_STARTUP": "", **environ}
    environ = {**os.environ, **environ}
    return subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, text=True, check=True)


def test_process_without_the_application_loads_no_recorder(tmp_path: Path) -> None:
    script = (
        "import sys, flask; print(sorted({'coverage', 'flask_livecoverage.recording.process'} & sys.modules.keys()))"
    )
    result = python("-c", script)
    assert (result.stdout, result.stderr) == ("[]\n", "")
    assert os.listdir(tmp_path) == []


def test_failure_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text("print('runs')\n")
    for arguments in (["application.py"], ["-c", "import application"]):
        result = python(*arguments, LIVECOVERAGE_ENGINE="steam")
        assert result.stdout == "runs\n"
        assert result.stderr.startswith("Flask-LiveCoverage: start-up is not measured: LIVECOVERAGE_ENGINE cannot be")
        assert result.stderr.count("\n") == 1


def test_broken_sitecustomize_of_the_user(tmp_path: Path) -> None:
    """Python reports the error as it does without live coverage."""
    (tmp_path / "sitecustomize.py").write_text("import no_such_module\n")
    path = str(tmp_path)
    without = python("-c", "print('runs')", PYTHONPATH=path)
    assert "no_such_module" in without.stderr
    result = python("-c", "print('runs')", PYTHONPATH=f"{STARTUP}{os.pathsep}{path}")
    assert (result.stdout, result.stderr) == (without.stdout, without.stderr)


GREENLETS = """
    import threading

    from gevent import monkey

    monkey.patch_all()

    import time
    from flask_livecoverage.recording.process import current_recorder
    from flask_livecoverage.journal.reader import read_run

    def after_the_patch():
        return "ran"

    def is_written(line):
        run = read_run(current_recorder().run)
        return any(line in run.traces[trace].line_numbers().get(__file__, []) for trace in run.ambient)

    after_the_patch()
    # gevent replaces the existing locks only if it finds no other thread.
    print(type(threading._active_limbo_lock).__module__.partition(".")[0])
    guard = time.monotonic() + 60
    while not is_written(LINE) and time.monotonic() < guard:
        time.sleep(0.01)
    print(is_written(LINE))
"""


def test_gevent_finds_no_recording_thread(tmp_path: Path) -> None:
    """Recording has started when gevent replaces threads. Later lines are written even without a request."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    script = tmp_path / "application.py"
    text = textwrap.dedent(GREENLETS)
    script.write_text(text.replace("LINE", str(text.splitlines().index('    return "ran"') + 1)))
    result = python(str(script))
    assert (result.stdout, result.stderr) == ("gevent\nTrue\n", "")


@pytest.mark.promise
@pytest.mark.parametrize("server", ["alone", "gunicorn", "gunicorn --preload"])
def test_gevent_under_ctrace(commands: Commands, gate: Gate, server: str, thorough: bool) -> None:
    """On Python 3.11, and with branch coverage: requests that overlap in greenlets of one thread."""
    pytest.importorskip("gevent", reason="gevent is not installed")
    if server != "alone" and (reason := gevent_for_gunicorn()):
        pytest.skip(reason)
    if server == "gunicorn" and not thorough:
        pytest.skip("measured in the same way as with --preload: run with --thorough")
    commands.write("server.py", GEVENT_SERVER)
    commands.write(".coveragerc", "[run]\nbranch = true\n")
    # gevent prints them for the connections that test whether the server has ended.
    commands.tracebacks_allowed = True
    command = {
        "alone": f"{PYTHON} server.py {{port}}",
        "gunicorn": f"{GUNICORN} -k gevent app:app",
        "gunicorn --preload": f"{GUNICORN} -k gevent --preload app:app",
    }[server]
    live = start(commands, gate, command)
    held = []
    for _ in range(3):
        connection = send_request(f"{live.url}/wait")
        held.append((connection, gate.reached()))
        assert fetch(f"{live.url}/who")[0] == 200
    for connection, passage in held:
        passage.close()
        assert read_response(connection)[0] == 200
    live.end()

    run = recorded(commands)
    path = commands.folder / "app.py"
    expected = {f"/{view}": line_of(path, text) for view, text in (("who", "return str("), ("wait", "return gate"))}
    found = [(r.path, run.traces[r.trace].line_numbers()[str(path)]) for r in run.requests]
    assert sorted(found) == sorted((view, [line]) for view, line in expected.items() for _ in range(3))
    assert run.warnings == []
