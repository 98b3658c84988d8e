"""The recipes of docs/recipes.rst, run unchanged, by the test runners that they are for."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run

from ...support import REPOSITORY
from ...support.lines import lines_of
from ...support.processes import Commands, skip_without_recipe_tool
from .servers import APP, Live

RECIPES = REPOSITORY / "docs" / "recipes"

# How the suites below send requests to the server.
DRIVE = """
    import os
    from urllib.request import urlopen

    def get(name):
        urlopen(f"{os.environ['LIVECOVERAGE_URL']}/page/{name}").close()
"""

UNITTEST = """
    import unittest

    from drive import get
    from livecov_unittest import LiveCoverage

    class TestShop(LiveCoverage, unittest.TestCase):
        @classmethod
        def setUpClass(cls):
            get("class")

        def setUp(self):
            get("before")
            self.addCleanup(get, "after")

        def test_one(self):
            get("one")

        def test_two(self):
            get("two")

    if __name__ == "__main__":
        unittest.main()
"""

# For suites that are run without a server.
WITHOUT_SERVER = UNITTEST.replace("from drive import get", "get = str")

FEATURE = """
    Feature: Shop
      Background:
        Given the page "before"

      Scenario: one, naïve ☃
        When I open the page "one"

      Scenario Outline: <name>
        When I open the page "<name>"
        Examples:
          | name |
          | two  |
"""

STEPS = """
    from behave import given, when
    from drive import get

    @given('the page "{name}"')
    @when('I open the page "{name}"')
    def open_page(context, name):
        get(name)
        context.add_cleanup(get, f"after-{name}")
"""

ROBOT = """
    *** Settings ***
    Library         drive.py
    Suite Setup     Get    suite
    Test Setup      Get    before
    Test Teardown   Get    after

    *** Test Cases ***
    Page One
        Get    one

    Page Two, naïve ☃
        Get    two
"""

# Locust runs until it is stopped, after both pages have been requested.
ENOUGH = """
    from locust import events

    seen = set()

    @events.request.add_listener
    def on_request(name, **others):
        seen.add(name)

    @events.init.add_listener
    def on_init(environment, **others):
        @environment.events.request.add_listener
        def on_request(**others):
            if seen == {"/page/one", "/page/two"}:
                environment.runner.quit()
"""

Pages = dict[str | None, list[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the recipes, with a module for the suites."""
    copy = tmp_path / "recipes"
    shutil.copytree(RECIPES, copy)
    write(copy / "drive.py", DRIVE)
    return copy


def write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"))


def run(folder: Path, url: str | None, *command: str, **environ: str) -> str:
    """Run a suite to its end; with ``url``, against this server."""
    server = {} if url is None else {"LIVECOVERAGE_URL": url}
    environ = {**os.environ, "PYTHONPATH": str(folder), **server, **environ}
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def pages(live: Live) -> Pages:
    """The pages that each test requested, in order."""
    found: Pages = {}
    for path, test in live.tests():
        found.setdefault(test, []).append(path.removeprefix("/page/"))
    return found


@pytest.fixture
def page_lines(live: Live) -> list[list[int]]:
    """The lines of the first page, of the second one, and of all others."""
    first, second = 'if name == "one"', 'if name == "two"'
    return [
        lines_of(live.source, first, "# one"),
        lines_of(live.source, first, second, "# two"),
        lines_of(live.source, first, second, 'return f"<title>{name}</title>"'),
    ]


def assert_lines(live: Live, tests: list[str], page_lines: list[list[int]], around: bool = True) -> None:
    """Assert that each test executed the lines of its page and, with ``around``, those of the pages around it."""
    lines = live.lines()
    for test, own in zip(tests, page_lines, strict=False):
        assert lines[test] == sorted({*own, *(page_lines[2] if around else [])})


def test_unittest(live: Live, folder: Path, page_lines: list[list[int]]) -> None:
    write(folder / "test_shop.py", UNITTEST)
    run(folder, live.url, sys.executable, "-m", "unittest", "test_shop")
    tests = [f"test_shop.TestShop.test_{name}" for name in ("one", "two")]
    assert pages(live) == {
        None: ["class"],
        tests[0]: ["before", "one", "after"],
        tests[1]: ["before", "two", "after"],
    }
    assert_lines(live, tests, page_lines)


def test_unittest_without_server(folder: Path) -> None:
    """The suite passes without it."""
    write(folder / "test_shop.py", WITHOUT_SERVER)
    run(folder, None, sys.executable, "test_shop.py")


def test_unittest_with_a_token(folder: Path, tmp_path: Path) -> None:
    write(folder / "test_shop.py", UNITTEST)
    commands = Commands(tmp_path)
    commands.write("app.py", APP)
    server = commands.serve("--no-report", LIVECOVERAGE_TOKEN="secret")
    try:
        run(folder, server.url, sys.executable, "-m", "unittest", "test_shop", LIVECOVERAGE_TOKEN="secret")
    finally:
        commands.end_all()
        commands.close()
    recorded = read_run(DataDir(tmp_path / ".livecov").select("latest")[0])
    assert [window.name for window in recorded.windows] == [
        f"test_shop.TestShop.test_{name}" for name in ("one", "two")
    ]


def test_tox(live: Live, folder: Path) -> None:
    write(folder / "test_shop.py", UNITTEST)
    (folder / "test_api.py").unlink()
    command = skip_without_recipe_tool("tox"), "run", "--skip-pkg-install", "-e", "py"
    run(folder, live.url, *command)
    assert {f"test_shop.TestShop.test_{name}" for name in ("one", "two")} <= pages(live).keys()


def test_behave(live: Live, folder: Path, page_lines: list[list[int]]) -> None:
    write(folder / "features" / "shop.feature", FEATURE)
    write(folder / "features" / "steps" / "steps.py", STEPS)
    (folder / "environment.py").rename(folder / "features" / "environment.py")
    run(folder, live.url, skip_without_recipe_tool("behave"))
    tests = [f"features/shop.feature > {name}" for name in ("one, naïve ☃", "two -- @1.1")]
    assert pages(live) == {
        tests[0]: ["before", "one", "after-one", "after-before"],
        tests[1]: ["before", "two", "after-two", "after-before"],
    }
    assert_lines(live, tests, page_lines)


def test_robot_framework(live: Live, folder: Path, page_lines: list[list[int]]) -> None:
    write(folder / "shop.robot", ROBOT)
    command = skip_without_recipe_tool("robot"), "--listener", "livecov_listener.py", "--pythonpath", "."
    run(folder, live.url, *command, "shop.robot")
    tests = [f"Shop.Page {name}" for name in ("One", "Two, naïve ☃")]
    assert pages(live) == {
        None: ["suite"],
        tests[0]: ["before", "one", "after"],
        tests[1]: ["before", "two", "after"],
    }
    assert_lines(live, tests, page_lines)


def test_locust(live: Live, folder: Path, page_lines: list[list[int]]) -> None:
    write(folder / "enough.py", ENOUGH)
    command = skip_without_recipe_tool("locust"), "--locustfile", "locustfile.py,enough.py", "--headless"
    run(folder, live.url, *command, "--users", "3", "--spawn-rate", "3", "--run-time", "60s")
    tests = ["Shopper.first_page", "Shopper.second_page"]
    assert {test: set(paths) for test, paths in pages(live).items()} == {tests[0]: {"one"}, tests[1]: {"two"}}
    assert_lines(live, tests, page_lines, around=False)


OPERATIONS = ["GET /items/{number}", "GET /frames"]


# For schemathesis: a few examples are enough to check their tests' names.
FEW_EXAMPLES = """
    [generation]
    max-examples = 3
"""


def assert_operations(live: Live, tests: list[str]) -> None:
    """Assert that each operation was requested, and nothing else under its name."""
    found = pages(live)
    found.pop(None, None)
    assert found.keys() == set(tests)
    assert all(path.startswith("/items/") for path in found[tests[0]])
    assert set(found[tests[1]]) == {"/frames"}
    lines = live.lines()
    assert [lines[test] for test in tests] == [
        lines_of(live.source, text) for text in ("return str(number)", "<title>frames")
    ]


def test_schemathesis_in_pytest(live: Live, folder: Path) -> None:
    write(folder / "schemathesis.toml", FEW_EXAMPLES)
    run(folder, live.url, skip_without_recipe_tool("pytest"), "-p", "no:cacheprovider", "test_api.py")
    assert_operations(live, [f"test_api.py::test_api[{operation}]" for operation in OPERATIONS])


def test_schemathesis_alone(live: Live, folder: Path) -> None:
    write(folder / "schemathesis.toml", FEW_EXAMPLES)
    command = skip_without_recipe_tool("schemathesis"), "run", "--workers", "2"
    run(folder, live.url, *command, f"{live.url}/openapi.json", SCHEMATHESIS_HOOKS="livecov_hooks")
    assert_operations(live, OPERATIONS)


def test_all_recipes_are_shown() -> None:
    """Each file is shown in the docs, and each recipe shown there is a file, which the tests above run.

    Those for continuous integration are run by ``tests/end_to_end/test_ci_recipes.py``.
    """
    pages = [(RECIPES.parent / name).read_text() for name in ("recipes.rst", "ci.rst")]
    lines = [line for page in pages for line in page.splitlines()]
    shown = {line.rpartition("/")[2] for line in lines if line.startswith(".. literalinclude::")}
    assert shown == {path.name for path in RECIPES.iterdir() if path.is_file()}
