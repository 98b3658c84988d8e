"""``flask livecov serve``: starts, prints its address, ends gracefully, reports.

Tests ``cli.serving``, ``cli.handlers.serving``, ``serving.werkzeug_server``, ``serving.serve_options``,
``serving.signals`` and ``serving.database``.
"""

from __future__ import annotations

import re
import signal
import socket
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder

from ..support.journals import only_run
from ..support.lines import line_of
from ..support.processes import Commands, Gate, fetch, read_response, send_request, wait_until_refused

DATABASE_APP = """
    from flask import Flask
    from flask_sqlalchemy import SQLAlchemy

    from flask_livecoverage import LiveCoverage

    db = SQLAlchemy()
    livecov = LiveCoverage()
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "sqlite:///kept.sqlite"
    app.config.from_prefixed_env()

    class Item(db.Model):
        id = db.Column(db.Integer, primary_key=True)

    db.init_app(app)
    livecov.init_app(app, db=db)

    @livecov.before_serving
    def fill():
        db.session.add(Item())
        db.session.commit()

    @livecov.after_serving
    def count():
        print("items at the end:", db.session.query(Item).count())

    @app.get("/add")
    def add():
        db.session.add(Item())
        db.session.commit()
        return app.config["SQLALCHEMY_DATABASE_URI"]
"""


def test_requests_in_flight_are_answered_before_it_ends(commands: Commands, gate: Gate) -> None:
    server = commands.serve()
    assert fetch(f"{server.url}/") == (200, "hello")
    waiting, streaming = send_request(f"{server.url}/wait"), send_request(f"{server.url}/stream")
    gate.reached()
    gate.reached()
    idle = socket.create_connection((urlsplit(server.url).hostname, urlsplit(server.url).port))

    assert fetch(f"{server.url}/shutdown", "POST") == (200, "Server shutting down...")
    wait_until_refused(server.url)
    gate.open()

    assert read_response(waiting) == (200, "waited")
    assert read_response(streaming) == (200, "first last")
    result = server.wait()
    idle.close()
    assert result.status == 0
    app = commands.folder / "app.py"
    missing = [line_of(app, "app.config.get(key)"), line_of(app, "never asked for")]
    assert result.stdout.splitlines()[2].split()[-2:] == [f"{missing[0]},", f"{missing[1]}"]
    assert result.stderr.count(" * Running on ") == 1
    assert result.stderr.index("after waiting") < result.stderr.index("after serving")
    # The connection without a request is not waited for either.
    assert "still run" not in result.stderr


def test_log_holds_the_applications_requests(commands: Commands) -> None:
    """Control requests are logged only if they fail; the dashboard answers at the printed address."""
    server = commands.serve("--no-report")
    assert fetch(f"{server.url}/")[0] == 200
    for path in ("/__coverage__/status", "/__coverage__/start?name=a%20test", "/__coverage__/stop", "/__coverage__/"):
        assert fetch(f"{server.url}{path}")[0] == 200
    assert fetch(f"{server.url}/__coverage__/nothing")[0] == 404
    fetch(f"{server.url}/shutdown")

    lines = server.wait().stderr.splitlines()

    assert f" * Dashboard: {server.url}/__coverage__/" in lines
    logged = [found[1] for line in lines if (found := re.search(r"(GET \S+) HTTP/1.1", line))]
    assert logged == ["GET /", "GET /__coverage__/nothing"]


def test_without_threads(commands: Commands, gate: Gate) -> None:
    server = commands.serve("--no-report", "--without-threads")
    first = send_request(f"{server.url}/wait")
    passage = gate.reached()
    second = send_request(f"{server.url}/")
    passage.close()
    assert (read_response(first), read_response(second)) == ((200, "waited"), (200, "hello"))
    # Browsers open connections early; the server's only thread waits there for a request.
    parts = urlsplit(server.url)
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))):
        commands.wait_for_connection(server)
        server.signal(signal.SIGTERM)
        assert server.wait().status == 0

    before, after = read_run(only_run(commands.folder)).requests
    assert (before.path, after.path) == ("/wait", "/")
    assert after.started_at >= before.started_at + before.duration_ms / 1000


MANY_DESCRIPTORS = """
    import os, resource

    from app import app

    # More descriptors than select() accepts.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, most), most))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
"""


@pytest.mark.parametrize("options", [[], ["--without-threads"]], ids=["", "one after the other"])
def test_with_many_descriptors(commands: Commands, options: list[str]) -> None:
    commands.write("many.py", MANY_DESCRIPTORS)
    server = commands.serve("--no-report", *options, app="many")
    parts = urlsplit(server.url)
    # A connection without a request.
    with socket.create_connection((str(parts.hostname), int(parts.port or 0))):
        commands.wait_for_connection(server)
        server.signal(signal.SIGTERM)
        assert server.wait().status == 0


def test_shutdown_by_address(commands: Commands) -> None:
    server = commands.serve("--no-report", "--config", "GREETING=hi there", "--config", "NUMBER=7")
    assert fetch(f"{server.url}/config/GREETING") == (200, "hi there")
    assert fetch(f"{server.url}/config/NUMBER") == (200, "7")

    # A GET request, as from a browser's address bar.
    assert fetch(f"{server.url}/shutdown") == (200, "Server shutting down...")

    assert server.wait().status == 0
    assert server.wait().stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_gracefully(commands: Commands, gate: Gate, number: signal.Signals) -> None:
    server = commands.serve()
    waiting = send_request(f"{server.url}/wait")
    gate.reached()

    server.signal(number)
    wait_until_refused(server.url)
    gate.open()

    assert read_response(waiting) == (200, "waited")
    result = server.wait()
    assert result.status == 0
    assert "TOTAL" in result.stdout


def test_a_second_signal_ends_the_wait_for_requests(commands: Commands, gate: Gate) -> None:
    commands.write("app.py", DATABASE_APP + "\n    import gate\n\n    app.get('/wait')(gate.wait)\n")
    server = commands.serve()
    waiting = send_request(f"{server.url}/wait")
    gate.reached()

    server.signal(signal.SIGTERM)
    wait_until_refused(server.url)
    server.signal(signal.SIGTERM)

    assert server.wait().status == 128 + signal.SIGTERM
    waiting.close()
    assert "items at the end: 1" in server.text("stdout")
    assert tables(commands.folder / "instance" / "kept.sqlite") == []


def test_a_signal_during_the_import_leaves_nothing(commands: Commands, gate: Gate) -> None:
    commands.write(
        "app.py", "import os, gate\nprint(os.environ['FLASK_SQLALCHEMY_DATABASE_URI'], flush=True)\ngate.wait()"
    )
    # The application's own socket may be left open.
    server = commands.serve("--temp-database", PYTHONWARNINGS="ignore")
    gate.reached()
    folder = Path(server.match(r"sqlite:///(.*)/", "stdout")[1])
    assert folder.is_dir()

    server.signal(signal.SIGTERM)

    assert server.wait().status == 128 + signal.SIGTERM
    assert server.wait().errors == []
    assert not folder.exists()


def test_source_can_be_repeated(commands: Commands) -> None:
    commands.write("one.py", "ONE = 1\n")
    commands.write("pack/__init__.py", "")
    commands.write("pack/two.py", "TWO = 2\nif TWO > 2:\n    TWO = 3\n")
    commands.write("pack/unused.py", "THREE = 3\n")
    commands.write("app.py", "import one, pack.two\nfrom flask import Flask\napp = Flask('app')\n")
    server = commands.serve("--source", "one", "--source", "pack")
    fetch(f"{server.url}/shutdown")

    table = [line.split() for line in server.wait().stdout.splitlines()]

    assert table[2:-2] == [
        ["one.py", "1", "0", "100%"],
        ["pack/__init__.py", "0", "0", "100%"],
        ["pack/two.py", "3", "1", "67%", "3"],
        ["pack/unused.py", "1", "1", "0%", "1"],
    ]


def test_database(commands: Commands) -> None:
    commands.write("app.py", DATABASE_APP)
    server = commands.serve("--temp-database")
    status, uri = fetch(f"{server.url}/add")
    assert status == 200
    assert uri.startswith("sqlite:////")
    fetch(f"{server.url}/shutdown")

    result = server.wait()

    assert result.status == 0
    assert "items at the end: 2" in result.stdout
    assert not Path(uri.removeprefix("sqlite:///")).parent.exists()
    assert not (commands.folder / "instance").exists()
    # Imports, and the functions before and after serving, are measured too.
    assert result.stdout.splitlines()[-3].endswith("100%")


def test_a_database_with_tables_is_not_changed(commands: Commands) -> None:
    commands.write("app.py", DATABASE_APP)
    file = commands.folder / "instance" / "kept.sqlite"
    file.parent.mkdir()
    with sqlite3.connect(file) as database:
        database.execute("create table precious (id integer)")
    database.close()
    before = file.read_bytes()

    result = commands.serve().wait()

    assert result.status == 2
    assert len(result.errors) == 1
    assert "already holds tables (precious)" in result.errors[0]
    assert "--temp-database" in result.errors[0]
    assert "items" not in result.stdout
    assert file.read_bytes() == before


def test_failing_functions_before_and_after_serving(commands: Commands) -> None:
    app = """
        from flask import Flask

        from flask_livecoverage import LiveCoverage

        app = Flask(__name__)
        livecov = LiveCoverage(app)

        @livecov.{}
        def broken():
            1 / 0
    """
    commands.write("before.py", app.format("before_serving"))
    commands.write("after.py", app.format("after_serving"))

    before = commands.serve(app="before").wait()
    after = commands.run("--", "true", app="after")

    assert before.status == 1
    assert len(before.errors) == 1
    assert "Error: the before_serving function broken failed: ZeroDivisionError" in before.errors[0]
    assert after.status == 1
    assert "Error: the after_serving function broken failed: ZeroDivisionError" in after.errors[0]
    assert after.errors[1:] == [
        "Error: the server ended with status 1: see its output above; the command ended with status 0"
    ]


def test_an_unreachable_database(commands: Commands) -> None:
    commands.write("app.py", DATABASE_APP)

    result = commands.serve("--config", "SQLALCHEMY_DATABASE_URI=sqlite:////nowhere/at/all.sqlite").wait()

    assert result.status == 1
    assert len(result.errors) == 1
    assert "the database cannot be reached" in result.errors[0]


def test_a_port_in_use(commands: Commands) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        results = [
            command.wait()
            for command in (
                commands.serve("--port", port),
                commands.livecov("run", "--port", port, "--", "true"),
                commands.livecov("run", "--port", port, "--server", "false", "--", "true"),
            )
        ]

    for result in results:
        assert result.status == 1
        assert len(result.errors) == 1
        assert f"cannot listen on 127.0.0.1 port {port} (Address already in use)" in result.errors[0]
        assert "--port" in result.errors[0]


def test_all_interfaces(commands: Commands) -> None:
    server = commands.serve("--host", "0.0.0.0")
    assert server.url.startswith("http://127.0.0.1:")
    fetch(f"{server.url}/shutdown")
    assert server.wait().status == 0


def tables(file: Path) -> list[str]:
    database = sqlite3.connect(file)
    try:
        return [name for (name,) in database.execute("select name from sqlite_master")]
    finally:
        database.close()


def test_rules_are_written_before_it_serves(commands: Commands) -> None:
    command = commands.serve("--no-report")
    url = command.url
    [journal] = commands.folder.glob(".livecov/runs/*/journal-*.jsonl")
    rules = {rule.rule for rule in read_run(RunFolder(journal.parent)).rules}
    assert rules == {"/", "/config/<key>", "/wait", "/stream", "/never", "/static/<path:filename>"}
    fetch(f"{url}/shutdown", "POST")
    assert command.wait().status == 0
