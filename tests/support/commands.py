"""Fixtures that run commands as a user does, in a folder with an application whose requests can be held."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.cli import livecov

from .processes import GATE_MODULE, Ask, Commands, Gate, Invoke, Result

APP = """
    import sys

    from flask import Flask, Response

    import gate
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    app.config.from_prefixed_env()
    livecov = LiveCoverage(app)

    @livecov.after_serving
    def tidy_up():
        print("after serving", file=sys.stderr)

    @app.get("/")
    def index():
        return "hello"

    @app.get("/config/<key>")
    def config(key):
        return str(app.config.get(key))

    @app.get("/wait")
    def wait():
        gate.wait()
        print("after waiting", file=sys.stderr)
        return "waited"

    @app.get("/stream")
    def stream():
        def parts():
            yield "first"
            gate.wait()
            yield " last"

        return Response(parts())

    @app.get("/never")
    def never():
        return "never asked for"
"""


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Run commands in a folder with ``app.py``, and assert that none of their processes is left."""
    commands = Commands(tmp_path)
    commands.write("gate.py", GATE_MODULE)
    commands.write("app.py", APP)
    # A shell's background job ignores SIGINT, and so would all processes that it starts.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield commands
    signal.signal(signal.SIGINT, before)
    commands.close()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """A gate whose address is in the environment of the commands that the test starts."""
    gate = Gate()
    monkeypatch.setenv("GATE", gate.address)
    yield gate
    gate.close()


@pytest.fixture
def invoke(capsys: pytest.CaptureFixture[str]) -> Invoke:
    """A function that runs ``livecov`` in this process."""

    def run(*arguments: str | Path) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            livecov.main([str(argument) for argument in arguments], prog_name="flask livecov")
        return Result(int(caught.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def ask(invoke: Invoke) -> Ask:
    """A function that runs a command in this process, and returns its answer in JSON."""

    def ask(*arguments: str) -> Any:
        result = invoke(*arguments, "--format", "json")
        assert result.status == 0, result.stderr
        return json.loads(result.stdout)

    return ask
