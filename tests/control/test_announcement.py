"""A server that no ``livecov`` command started logs once that it is measured, and where; no other process does."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.journal.data_dir import DataDir

from ..support.processes import FLASK, Command, Commands, fetch

APP = """
    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    app.config.from_prefixed_env()
    LiveCoverage(app)

    @app.get("/")
    def index():
        return "hello"

    if __name__ == "__main__":
        from werkzeug.serving import run_simple

        run_simple("127.0.0.1", 0, app, processes=2)
"""


def announcements(server: Command) -> list[str]:
    """The announcements in a server's log, after it has ended."""
    server.process.terminate()
    return [line for line in server.wait().stderr.splitlines() if "live coverage" in line]


def test_names_the_run_and_the_command_that_reports(commands: Commands) -> None:
    commands.write("app.py", APP)
    server = commands.start(*FLASK, "run", "--port", "0", LIVECOVERAGE="1")
    assert [fetch(f"{server.url}/") for _ in range(2)] == [(200, "hello")] * 2
    (message,) = announcements(server)
    folder = commands.folder / ".livecov"
    (run,) = DataDir(folder).runs()
    assert message == (
        f"live coverage is on (LIVECOVERAGE=1): requests are recorded in {folder}, run {run.id}; "
        "dashboard: /__coverage__/; report: `flask livecov report`"
    )
    report = commands.livecov("report", app=None).wait()
    assert "app.py" in report.stdout
    assert report.stderr == ""


def test_names_the_reason_and_the_folder(commands: Commands) -> None:
    commands.write("app.py", APP)
    settings = {"FLASK_TESTING": "true", "LIVECOVERAGE_DATA_DIR": "what was run", "LIVECOVERAGE_URL_PREFIX": "/cov"}
    server = commands.start(*FLASK, "run", "--port", "0", **settings)
    fetch(f"{server.url}/cov/status")
    (message,) = announcements(server)
    assert message.startswith("live coverage is on (TESTING): ")
    assert message.endswith(
        f"dashboard: /cov/; report: `flask livecov report --data-dir '{commands.folder}/what was run'`"
    )


@pytest.mark.parametrize(
    ("logging", "count"),
    [
        ("logging.basicConfig()", 1),
        ("logging.basicConfig(); logging.getLogger('flask_livecoverage').setLevel('WARNING')", 0),
    ],
)
def test_levels_of_other_loggers_do_not_hide_it(commands: Commands, logging: str, count: int) -> None:
    """The root logger's level is the default, WARNING, unless the application configures it for this line."""
    commands.write("app.py", f"    import logging; {logging}{APP}")
    server = commands.start(*FLASK, "run", "--port", "0", LIVECOVERAGE="1")
    fetch(f"{server.url}/")
    assert len(announcements(server)) == count


def test_forked_workers_are_one_server(commands: Commands) -> None:
    """Each request is answered by its own process."""
    commands.write("app.py", APP)
    server = commands.start(sys.executable, "app.py", LIVECOVERAGE="1")
    assert [fetch(f"{server.url}/") for _ in range(3)] == [(200, "hello")] * 3
    assert len(announcements(server)) == 1


def test_servers_that_are_not_measured(commands: Commands) -> None:
    commands.write("app.py", APP)
    server = commands.start(*FLASK, "run", "--port", "0")
    fetch(f"{server.url}/")
    assert announcements(server) == []


def test_livecov_run_reports_by_itself(commands: Commands) -> None:
    commands.write("app.py", APP)
    commands.write(
        "suite.py", "import os, urllib.request\nurllib.request.urlopen(os.environ['LIVECOVERAGE_URL']).close()"
    )
    server = f"{sys.executable} -m flask run --port {{port}}"
    for own in ([], ["--server", server]):
        result = commands.run(*own, "--report", "text", "--", sys.executable, "suite.py")
        assert result.status == 0
        assert "live coverage is on" not in result.stderr


def test_test_clients_are_no_servers(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    """An application's own tests may assert on its log."""
    caplog.set_level(logging.INFO)
    app = Flask(__name__)
    app.config.update(TESTING=True, LIVECOVERAGE_DATA_DIR=str(tmp_path))
    LiveCoverage(app)
    app.test_client().get("/").close()
    assert caplog.records == []
