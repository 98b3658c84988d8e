"""The two ways to measure the example application, compared with its README."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import REPOSITORY
from .support.processes import Commands

pytestmark = pytest.mark.browser


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    """Runs commands in a copy of the example, where they write reports, data and caches."""
    ignored = shutil.ignore_patterns("__pycache__", "instance")
    shutil.copytree(REPOSITORY / "example_app", tmp_path / "example_app", ignore=ignored)
    for name in ("setup.cfg", "pyproject.toml"):
        shutil.copy(REPOSITORY / name, tmp_path)
    commands = Commands(tmp_path)
    yield commands
    commands.close()


def pytest_command(folder: str) -> tuple[str, ...]:
    return sys.executable, "-m", "pytest", folder


def documented_missing_lines(folder: Path) -> dict[str, str]:
    """The first table of the README's section on missing lines."""
    _, _, section = (folder / "example_app" / "README.rst").read_text().partition("\nMissing lines\n")
    table = section.split("\n\n")[2]
    return dict(re.findall(r"(?m)^``(\w+\.py)`` +([\d, -]*\d) ", table))


def reported_missing_lines(report: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^example_app/(\w+\.py) .*\d% +(\S.*)$", report))


def test_run(commands: Commands) -> None:
    run = commands.livecov("run", "--temp-database", "--", *pytest_command("example_app/tests"), app="example_app")
    result = run.wait()

    assert result.status == 0, result
    documented = documented_missing_lines(commands.folder)
    assert len(documented) == 3
    assert reported_missing_lines(result.stdout) == documented
    assert "example_app/tests" not in result.stdout.partition("Stmts")[2]
    assert (commands.folder / "htmlcov" / "index.html").is_file()
    assert not (commands.folder / "instance").exists()


def test_serve_and_a_suite_that_ends_it(commands: Commands) -> None:
    server = commands.serve("--temp-database", app="example_app")
    suite = commands.start(*pytest_command("example_app/standalone"), LIVECOVERAGE_URL=server.url).wait()
    assert suite.status == 0, suite

    result = server.wait()

    assert result.status == 0, result
    assert result.errors == []
    assert "TOTAL" in result.stdout
    assert "example_app/fraction.py" in result.stdout
