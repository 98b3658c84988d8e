"""The recipes of docs/other-languages.rst, run unchanged."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from example_app.conftest import CHROME, installed

from ...support import REPOSITORY
from ...support.lines import lines_of
from ...support.processes import skip_without
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

# Contexts without a fixture: one that a test creates, one that the browser creates for a page, and a shared one.
CONTEXTS = """
    const { test } = require("./livecov");

    test("own", async ({ browser }) => {
      const context = await browser.newContext();
      const page = await context.newPage();
      await page.goto("/page/one");
      await context.close();
      await (await browser.newPage()).goto("/page/own");
    });

    test.describe.serial("shared", () => {
      let page;
      test.beforeAll(async ({ browser }) => { page = await browser.newPage(); });
      test.afterAll(() => page.close());
      test("first", () => page.goto("/page/first"));
      test("second", () => page.goto("/page/second"));
    });
"""

# For Jest and Vitest alike.
SHOP_TESTS = """
    const get = (path, options) => fetch(new URL(path, process.env.LIVECOVERAGE_URL), options);

    beforeAll(() => get("/page/before"));
    afterAll(() => get("/page/after"));

    describe("shop", () => {
      test("one", async () => {
        expect(await (await get("/page/one")).text()).toContain("one");
        await fetch(new Request(process.env.LIVECOVERAGE_URL + "/page/request", { method: "HEAD" }));
      });
      test("two, naïve ☃", async () => {
        expect((await get("/page/two", { headers: { Accept: "text/html" } })).status).toBe(200);
      });
    });
"""
JEST = "module.exports = { setupFilesAfterEnv: ['./livecov.setup.js'] };"
VITEST = "export default { test: { globals: GLOBALS, watch: false, setupFiles: ['./livecov.setup.js'] } };"

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


def module(name: str, program: str) -> str:
    """The path of a Node.js module's program, relative to the recipes."""
    if not (MODULES / name / program).exists():
        pytest.skip(f"{name} is not installed: `make node` does it where npm works")
    return f"node_modules/{name}/{program}"


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
    command = skip_without("node"), module("@playwright/test", "cli.js"), "test"
    (folder / "playwright.config.js").write_text(CONFIGURATION)
    run(live, folder, *command)
    assert live.lines() == {"page.spec.js > one": one, "page.spec.js > two, naïve ☃": two}


@pytest.mark.browser
def test_contexts_of_playwright_in_node(live: Live, folder: Path) -> None:
    command = skip_without("node"), module("@playwright/test", "cli.js"), "test", "contexts.spec.js"
    (folder / "playwright.config.js").write_text(CONFIGURATION)
    (folder / "contexts.spec.js").write_text(CONTEXTS)
    run(live, folder, *command)
    assert sorted(live.tests()) == [
        ("/page/first", "contexts.spec.js > shared > first"),
        ("/page/one", "contexts.spec.js > own"),
        ("/page/own", "contexts.spec.js > own"),
        ("/page/second", "contexts.spec.js > shared > second"),
    ]


def assert_shop_tests(live: Live, two: list[int], between: str) -> None:
    tests = [f"shop.test.js > shop{between}{test}" for test in ("one", "two, naïve ☃")]
    assert sorted(live.tests()) == [
        ("/page/after", tests[1]),
        ("/page/before", None),
        ("/page/one", tests[0]),
        ("/page/request", tests[0]),
        ("/page/two", tests[1]),
    ]
    assert live.lines()[tests[1]] == sorted({*two, *lines_of(live.source, 'return f"<title>{name}</title>"')})


def test_jest(live: Live, folder: Path, two: list[int]) -> None:
    command = skip_without("node"), module("jest", "bin/jest.js")
    (folder / "jest.config.js").write_text(JEST)
    (folder / "shop.test.js").write_text(SHOP_TESTS)
    run(live, folder, *command, "shop.test.js")
    assert_shop_tests(live, two, " ")


@pytest.mark.parametrize("with_globals", [True, False])
def test_vitest(live: Live, folder: Path, two: list[int], with_globals: bool) -> None:
    command = skip_without("node"), module("vitest", "vitest.mjs")
    setup = (folder / "livecov.setup.js").read_text()
    tests = SHOP_TESTS
    if not with_globals:
        setup = f'import {{ expect }} from "vitest";\n{setup}'
        tests = f'import {{ afterAll, beforeAll, describe, expect, test }} from "vitest";\n{tests}'
    (folder / "vitest.config.mjs").write_text(VITEST.replace("GLOBALS", str(with_globals).lower()))
    (folder / "livecov.setup.js").write_text(setup)
    (folder / "shop.test.js").write_text(tests)
    run(live, folder, *command, "shop.test.js")
    assert_shop_tests(live, two, " > ")


def test_all_recipes_are_shown() -> None:
    """Each file is shown in the docs, and vice versa; the tests above run all but Cypress's."""
    page = (RECIPES.parent / "other-languages.rst").read_text()
    shown = {line.rpartition("/")[2] for line in page.splitlines() if line.startswith(".. literalinclude::")}
    assert shown == {path.name for path in RECIPES.iterdir()}
