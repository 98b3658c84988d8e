"""The recipes of docs/other-languages.rst, run as they stand there."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from example_app.conftest import CHROME, installed

from ..cli.processes import skip_without
from ..conftest import REPOSITORY, lines_of
from .servers import Live

RECIPES = REPOSITORY / "docs" / "other-languages"

# Where `make node` installs it.
MODULES = REPOSITORY / ".node" / "node_modules"

CONFIGURATION = """
    module.exports = {
      reporter: "line",
      outputDir: "results",
      testMatch: "*.spec.js",
      fullyParallel: true,
      workers: 2,
      use: {
        baseURL: process.env.LIVECOVERAGE_URL,
        launchOptions: { executablePath: process.env.CHROME, args: process.getuid() === 0 ? ["--no-sandbox"] : [] },
      },
    };
"""

Lines = dict[str | None, list[int]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the recipes, with the modules that they import."""
    copy = tmp_path / "recipes"
    shutil.copytree(RECIPES, copy)
    if MODULES.exists():
        (copy / "node_modules").symlink_to(MODULES)
    return copy


@pytest.fixture
def one(live: Live) -> list[int]:
    return lines_of(live.source, 'if name == "one"', "# one")


@pytest.fixture
def two(live: Live) -> list[int]:
    return lines_of(live.source, 'if name == "one"', 'if name == "two"', "# two")


def run(live: Live, folder: Path, *command: str) -> None:
    environ = {**os.environ, "LIVECOVERAGE_URL": live.url, "CHROME": installed("CHROME", CHROME) or ""}
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize(("script", "test"), [("window.sh", "checkout of a tea"), ("header.sh", "checkout")])
def test_shell(live: Live, folder: Path, one: list[int], script: str, test: str) -> None:
    skip_without("curl")
    run(live, folder, "sh", "-e", script)
    assert live.lines() == {test: one}


@pytest.mark.parametrize(
    ("recipe", "names"),
    [("fetch.test.mjs", ["one", "two, naïve ☃"]), ("window.test.mjs", ["window one", "window two"])],
)
def test_node(live: Live, folder: Path, one: list[int], two: list[int], recipe: str, names: list[str]) -> None:
    run(live, folder, skip_without("node"), "--test", recipe)
    assert live.lines() == dict(zip(names, [one, two], strict=True))


@pytest.mark.browser
def test_playwright_in_node(live: Live, folder: Path, one: list[int], two: list[int]) -> None:
    node = skip_without("node")
    if not MODULES.exists():
        pytest.skip("Playwright for Node.js is not installed: `make node` does it where npm works")
    (folder / "playwright.config.js").write_text(CONFIGURATION)
    run(live, folder, node, "node_modules/@playwright/test/cli.js", "test")
    assert live.lines() == {"page.spec.js > one": one, "page.spec.js > two, naïve ☃": two}


def test_all_recipes_are_shown() -> None:
    """And each that is shown is a file, which the tests above run; but for Cypress's."""
    page = (RECIPES.parent / "other-languages.rst").read_text()
    shown = {line.rpartition("/")[2] for line in page.splitlines() if line.startswith(".. literalinclude::")}
    assert shown == {path.name for path in RECIPES.iterdir()}
