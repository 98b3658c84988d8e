"""Two servers that share a data directory, in two runs or in one: nothing is mixed, and nothing is lost.

Tests ``journal.data_dir``.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir

from ..support.processes import Commands
from .crash.application import SOURCE
from .crash.clients import Load, Seen
from .crash.servers import Servers, servers
from .crash.truth import check

CLIENTS = 2


@dataclass
class Serving:
    """A server, and the clients that keep it busy."""

    servers: Servers
    pid: int
    load: Load
    run: str

    def kill(self) -> None:
        self.load.killed()
        os.kill(self.pid, signal.SIGKILL)
        assert self.servers.wait() == -signal.SIGKILL
        self.load.join()


@pytest.fixture
def serve(tmp_path: Path, engine_name: str) -> Iterator[Callable[..., Serving]]:
    (tmp_path / "application.py").write_text(SOURCE)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")

    with ExitStack() as stack:

        def serve(run: str, seen: Seen, *, control: bool = True) -> Serving:
            started = stack.enter_context(servers(tmp_path / f"log-{len(serving)}"))
            environ = {"LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name, "LIVECOVERAGE_RUN": run}
            pid, port = started.start(tmp_path, environ)
            load = Load(port, seen, seed + len(serving), enough=120, clients=CLIENTS, control=control)
            serving.append(Serving(started, pid, load, run))
            load.start()
            return serving[-1]

        serving: list[Serving] = []
        yield serve
        for one in serving:
            one.load.killed()
    for one in serving:
        one.load.join()


def ask(data_dir: Path, *arguments: str) -> str:
    """The output of a command that reads the run, in a third process."""
    command = [sys.executable, "-m", "flask", "livecov", *arguments, "--data-dir", str(data_dir)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("runs", [("one", "other"), ("one", "one")], ids=["two runs", "one run"])
@pytest.mark.promise
def test_two_servers(tmp_path: Path, serve: Callable[..., Serving], runs: tuple[str, str], thorough: bool) -> None:
    if runs[0] != runs[1] and not thorough:
        pytest.skip("in two runs, with --thorough; in one run, where more could be mixed, always")
    data_dir = tmp_path / ".livecov"
    seen = {run: Seen() for run in runs}
    # In one run, only one server's clients open windows, because the check needs the order of the run's windows.
    first, second = serve(runs[0], seen[runs[0]]), serve(runs[1], seen[runs[1]], control=runs[0] != runs[1])
    first.load.wait()
    second.load.wait()
    asked = json.loads(ask(data_dir, "requests", "--run", "all", "--limit", "0", "--format", "json"))["requests"]
    report = json.loads(ask(data_dir, "report", "--run", "all", "--format", "json", "--output", "-"))
    # Under `ctrace`, also lines of the script that starts the server are measured, those after the start of measuring.
    assert [path for path in report["files"] if not path.endswith("server_forker.py")] == ["application.py"]
    first.kill()
    count = len(seen[second.run].exchanges)
    second.load.more(100)
    second.load.wait()
    assert len(seen[second.run].exchanges) > count + 90
    second.kill()
    for run in set(runs):
        assert check(DataDir(data_dir).run(run), seen[run], tmp_path / "application.py") > 200 / len(set(runs))
    known = {exchange.id for one in seen.values() for exchange in one.exchanges}
    assert len(asked) > 100
    # The clients have not counted the requests whose response never arrived.
    assert sum(request["id"] not in known for request in asked) <= 2 * (CLIENTS + 1)
    assert {request["status"] for request in asked} <= {200, 500}


def test_two_servers_with_temporary_databases(tmp_path: Path) -> None:
    """Each server has its own database, independent of the other."""
    commands = Commands(tmp_path)
    commands.write(
        "app.py",
        """
        import os

        from flask import Flask
        from flask_sqlalchemy import SQLAlchemy

        from flask_livecoverage import LiveCoverage

        app = Flask(__name__)
        app.config.from_prefixed_env()
        db = SQLAlchemy(app)
        LiveCoverage(app, db=db)

        class Word(db.Model):
            text = db.Column(db.Text, primary_key=True)

        @app.post("/<text>")
        def add(text):
            db.session.add(Word(text=text))
            db.session.commit()
            return "added"

        @app.get("/")
        def all_words():
            return ",".join(word.text for word in db.session.query(Word).order_by(Word.text))
        """,
    )
    try:
        both = [commands.serve("--temp-database", "--no-report") for _ in range(2)]
        for name, server in zip(("first", "second"), both, strict=True):
            assert fetch(f"{server.url}/{name}", "POST") == "added"
        assert [fetch(f"{server.url}/") for server in both] == ["first", "second"]
        both[0].process.kill()
        assert fetch(f"{both[1].url}/third", "POST") == "added"
        assert fetch(f"{both[1].url}/") == "second,third"
        both[1].signal(signal.SIGTERM)
        assert both[1].wait().status == 0
    finally:
        commands.close()
    answer = json.loads(ask(tmp_path / ".livecov", "requests", "--run", "all", "--format", "json"))
    paths = [request["path"] for request in answer["requests"]]
    assert sorted(paths) == ["/", "/", "/", "/first", "/second", "/third"]


def fetch(url: str, method: str = "GET") -> str:
    from urllib.request import Request, urlopen

    with urlopen(Request(url, method=method), timeout=60) as response:
        return str(response.read().decode())
