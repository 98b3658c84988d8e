"""Applications without Flask: written, served in a process of their own, and what was recorded of them."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner

from flask_livecoverage.cli import livecov as livecov_command
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run

from ..support.journals import only_run
from ..support.servers import LISTENING, PYTHON, process, read_port, write_script


def write(folder: Path, **modules: str) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"))


@contextmanager
def serving(folder: Path, **environ: str) -> Iterator[int]:
    """Serve ``app`` of ``application.py``; the process ends at the end of the block."""
    script = folder / "serve.py"
    if not script.exists():
        write_script(script)
    with process([PYTHON, str(script)], {**os.environ, **environ}, folder) as server:
        yield read_port(server, LISTENING)
        assert server.stdin is not None
        server.stdin.write("end\n")
        server.stdin.flush()
        assert server.wait(60) == 0


def recorded(folder: Path) -> Run:
    return read_run(only_run(folder))


def executed(run: Run, path: Path) -> dict[str, list[int]]:
    """The lines of ``path`` that each request ran, by the paths of the requests, which must differ."""
    found = {r.path: run.traces[r.trace].line_numbers().get(str(path), []) for r in run.requests}
    assert len(found) == len(run.requests)
    return found


def livecov(*arguments: str) -> str:
    """The output of the command, run in this process."""
    result = CliRunner().invoke(livecov_command, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture
def environ(engine_name: str) -> dict[str, str]:
    return {"LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}
