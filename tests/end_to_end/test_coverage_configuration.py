"""The commands with coverage.py configurations that do more than select files."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ..support.processes import Commands, fetch
from ..support.real_servers import GUNICORN

PLUGIN = """
    import coverage

    class LeaveOut(coverage.CoveragePlugin):
        def configure(self, config):
            patterns = config.get_option("report:exclude_lines")
            config.set_option("report:exclude_lines", [*patterns, "# not counted"])

    def coverage_init(registry, options):
        registry.add_configurer(LeaveOut())
"""
APP = """
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def index():
        return "hello"

    @app.get("/other")
    def other():  # not counted
        return "other"
"""
# Unlike `python -m flask`, this script does not put the working directory on the path.
FLASK = Path(sys.executable).with_name("flask")


def test_plugin_in_the_projects_folder(commands: Commands) -> None:
    """The oracle is ``coverage run``."""
    commands.write("leave_out.py", PLUGIN)
    commands.write("plain.py", APP)
    commands.write(".coveragerc", "[run]\nplugins = leave_out\ninclude = plain.py\n")
    oracle = commands.start(sys.executable, "-m", "coverage", "run", "-m", "flask", "--app", "plain", "routes").wait()
    assert oracle.status == 0
    table = commands.start(sys.executable, "-m", "coverage", "json", "-o", "-", "--quiet").wait()
    expected = json.loads(table.stdout)["files"]["plain.py"]

    server = commands.start(FLASK, "--app", "plain", "livecov", "serve", "--port", "0", "--no-report")
    dump = json.loads(fetch(f"{server.url}/__coverage__/dump")[1])["files"]
    fetch(f"{server.url}/shutdown")
    assert server.wait().status == 0
    result = commands.start(FLASK, "livecov", "report", "--format", "json", "--output", "-").wait()

    for files in (dump, json.loads(result.stdout)["files"]):
        assert files.keys() == {"plain.py"}
        for lines in ("executed_lines", "missing_lines", "excluded_lines"):
            assert files["plain.py"][lines] == expected[lines]


@pytest.mark.parametrize("server", [None, GUNICORN])
def test_plugin_is_not_measured(commands: Commands, server: str | None) -> None:
    """It is loaded before anything is measured, as under ``coverage run``."""
    commands.write("leave_out.py", PLUGIN)
    commands.write("plain.py", APP)
    commands.write(".coveragerc", "[run]\nplugins = leave_out\n")
    options = () if server is None else ("--server", f"{server} flask_livecoverage.wsgi:app")
    environ = {"HOME": str(commands.folder), "PYTHONWARNINGS": "ignore"}
    result = commands.run("--report", "text", *options, "--", "true", app="plain", **environ)
    assert result.status == 0
    assert commands.report()["files"].keys() == {"plain.py"}


@pytest.mark.parametrize("configuration", [b"[run]\nplugins = no_such_plugin\n", b"[run]\n# caf\xe9\n", b"[run\n"])
def test_invalid_configuration(commands: Commands, configuration: bytes) -> None:
    """One line, exit status 2, and no attempt to start a server."""
    (commands.folder / ".coveragerc").write_bytes(configuration)
    for command in (
        commands.serve(),
        commands.livecov("run", "--", "true"),
        commands.livecov("run", "--server", "false", "--", "true"),
    ):
        result = command.wait()
        assert result.status == 2
        assert len(result.stderr.splitlines()) == 1
        assert result.stderr.startswith("Error: coverage.py's configuration: ")
        assert ".coveragerc" in result.stderr
