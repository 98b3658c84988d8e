"""An application changes or removes the working directory: paths remain relative to where the server was started.

Tests ``exports.report_process``.
"""

from __future__ import annotations

import json
import os
import shlex
import socket
import subprocess
import sys
import zipfile
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

import pytest

from flask_livecoverage.serving.serve_options import ServeOptions

from ..support.html import up_to_date
from ..support.lines import line_of
from ..support.polling import GUARD_SECONDS
from ..support.processes import FLASK, Commands, Gate, fetch
from ..support.real_servers import GUNICORN, recorded, start

APP = """
    import json, os, shutil, sys

    import left_out
    from flask import Flask

    os.makedirs("work", exist_ok=True)
    os.chdir("work")
    app = Flask(__name__)

    @app.get("/")
    def index():
        return os.getcwd()

    @app.get("/remove")
    def remove():
        shutil.rmtree(os.getcwd())
        return "removed"

    @app.get("/relative")
    def relative():
        # This name cannot be resolved after the folder has been removed.
        exec(compile("removed = 1", "relative.py", "exec"))
        return "done"

    def never():  # not counted
        return 1
"""
# Each of these is searched in the working directory.
CONFIGURATION = """
    [run]
    omit = left_out.py
    plugins = no_names

    [report]
    exclude_also = not counted
"""
PLUGIN = """
    def coverage_init(registry, options):
        open("plugin.log", "a").close()
"""


@pytest.fixture
def moving(commands: Commands) -> Commands:
    """An application that changes from the folder in which it was started to another one."""
    commands.write("moving.py", APP)
    commands.write("left_out.py", "LEFT = 1\n")
    commands.write(".coveragerc", CONFIGURATION)
    commands.write("no_names.py", PLUGIN)
    return commands


def expected(commands: Commands) -> dict[str, list[int]]:
    """The executed lines according to ``coverage run``, which returns to the folder at its end."""
    client = "from moving import app; app.test_client().get('/'); app.test_client().get('/remove')"
    commands.write("client.py", client)
    environ = {"PYTHONWARNINGS": "ignore"}
    commands.start(sys.executable, "-m", "coverage", "run", "client.py", **environ).wait()
    oracle = commands.start(sys.executable, "-m", "coverage", "json", "-o", "-", "--quiet", "--omit", "client.py", "-i")
    files = json.loads(oracle.wait().stdout)["files"]
    return {path: file["executed_lines"] for path, file in files.items() if path == "moving.py"}


def test_serve(moving: Commands) -> None:
    server = moving.serve(app="moving")
    assert fetch(f"{server.url}/") == (200, str(moving.folder / "work"))
    control = f"{server.url}/__coverage__"

    for step in ("moved", "removed"):
        if step == "removed":
            assert fetch(f"{server.url}/remove") == (200, "removed")
        status, dump = fetch(f"{control}/dump")
        assert status == 200, dump
        files = json.loads(dump)["files"]
        assert files.keys() == {"moving.py"}
        for report_format in ("text", "markdown", "xml", "lcov", "coverage", "dedup"):
            assert fetch(f"{control}/dump?format={report_format}")[0] == 200
        assert "\nmoving.py " in fetch(f"{control}/dump?format=text")[1]
        with urlopen(f"{control}/dump?format=html") as response:
            names = zipfile.ZipFile(BytesIO(response.read())).namelist()
        assert "htmlcov/moving_py.html" in names
        assert ">moving.py<" in up_to_date(lambda: fetch(f"{control}/ui/files")[1])
        assert fetch(f"{control}/requests")[0] == fetch(f"{control}/status")[0] == 200

    assert fetch(f"{server.url}/shutdown")[0] == 200
    result = server.wait()
    assert (result.status, result.errors) == (0, [])
    assert not (moving.folder / "work").exists()
    never = [line_of(moving.folder / "moving.py", text) for text in ("exec(compile", '"done"')]
    assert result.stdout.splitlines()[2].split()[-1] == f"{never[0]}-{never[1]}"
    assert {path: file["executed_lines"] for path, file in files.items()} == expected(moving)


def test_run(moving: Commands) -> None:
    client = """if True:
        import os, urllib.request
        for path in ("/remove", "/relative"):
            urllib.request.urlopen(os.environ["LIVECOVERAGE_URL"] + path).close()
    """
    result = moving.run("--report", "text", "--", sys.executable, "-c", client, app="moving")
    assert (result.status, result.errors) == (0, [])
    assert "\nmoving.py " in result.stdout


def test_start_folder_is_removed(moving: Commands) -> None:
    """Its configuration is missing, so no report can be made; the application continues."""
    folder = moving.folder / "started"
    folder.mkdir()
    moving.write("started/staying.py", "import os\nos.chdir('..')\n" + (moving.folder / "app.py").read_text())
    options = ("livecov", "serve", "--port", "0", "--no-report", "--data-dir", str(moving.folder / ".livecov"))
    command = f"cd {shlex.quote(str(folder))} && exec {shlex.join(FLASK)} --app staying {shlex.join(options)}"
    server = moving.start("sh", "-c", command, PYTHONPATH=str(moving.folder))
    assert fetch(f"{server.url}/") == (200, "hello")
    for path in folder.rglob("*.pyc"):
        path.unlink()
    subprocess.run(["rm", "-r", folder], check=True)
    status, answer = fetch(f"{server.url}/__coverage__/dump")
    assert status == 500
    assert f"no report can be made in {folder}, where the server was started" in json.loads(answer)["error"]
    assert fetch(f"{server.url}/") == (200, "hello")
    fetch(f"{server.url}/shutdown")
    assert server.wait().status == 0


SETTINGS_CLIENT = """
    import json, os, sys
    from flask_livecoverage.wsgi import app

    client = app.test_client()
    client.get("/")
    files = sorted(client.get("/__coverage__/dump").json["files"])
    print(json.dumps([files, client.get("/__coverage__/requests").json["total"], os.getcwd()]))
"""


def test_relative_settings(moving: Commands) -> None:
    """The extension is attached after the application has changed the folder, and nothing else has fixed it before."""
    client = moving.write("settings_client.py", SETTINGS_CLIENT)
    variables = {"LIVECOVERAGE_DATA_DIR": "data", "LIVECOVERAGE_STORE": "sqlite:///own.sqlite3"}
    result = moving.start(sys.executable, client, FLASK_APP="moving", LIVECOVERAGE="1", **variables).wait()
    assert result.status == 0, result.stderr
    assert json.loads(result.stdout) == [["moving.py", "settings_client.py"], 1, str(moving.folder / "work")]
    assert len(list(moving.folder.glob("data/runs/*/*.jsonl"))) == 1
    assert (moving.folder / "own.sqlite3").exists()
    assert os.listdir(moving.folder / "work") == []


def test_keploys_sockets(moving: Commands) -> None:
    sockets = ("--keploy", "--control-socket", "control.sock", "--data-socket", "data.sock")
    server = moving.serve("--no-report", *sockets, app="moving")
    fetch(f"{server.url}/")
    os.chdir(moving.folder)
    with socket.socket(socket.AF_UNIX) as keploy:
        keploy.settimeout(GUARD_SECONDS)
        keploy.bind("data.sock")
        keploy.listen()
        for command in (b"START set/test\n", b"END set/test\n"):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect("control.sock")
                client.sendall(command)
                if command.startswith(b"END"):
                    connection, _ = keploy.accept()
                    with connection, connection.makefile() as document:
                        assert json.load(document)["id"] == "set/test"
                assert client.recv(10) == b"ACK\n"
    fetch(f"{server.url}/shutdown")
    assert server.wait().status == 0
    assert not (moving.folder / "control.sock").exists()


def test_sources_are_absolute_for_other_processes(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    variables = ServeOptions("127.0.0.1", 0, "data", source=("src", "package")).environment("run")
    assert variables["LIVECOVERAGE_SOURCE"] == f"{tmp_path / 'src'},package"
    assert variables["LIVECOVERAGE_DATA_DIR"] == str(tmp_path / "data")


INNER = """
    import os

    import parts
    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/inner")
    def inner():
        return os.getcwd()
"""


def test_server_that_changes_the_folder_before_the_import(commands: Commands, gate: Gate) -> None:
    """The configuration of the folder in which it was started counts, as under ``coverage run``."""
    commands.write(".coveragerc", "[run]\nomit = inner/parts.py\n")
    commands.write("inner/.coveragerc", "[run]\nbranch = True\n")
    commands.write("inner/parts.py", "PART = 1\n")
    commands.write("inner/inner.py", INNER)
    live = start(commands, gate, f"{GUNICORN} --chdir inner inner:app")
    assert fetch(f"{live.url}/inner") == (200, str(commands.folder / "inner"))
    live.end()
    run = recorded(commands)
    assert {process.root for process in run.processes} == {str(commands.folder)}
    assert not run.branch
    files = {path for trace in run.traces.values() for path in trace.files}
    assert files == {str(commands.folder / "inner" / "inner.py")}
