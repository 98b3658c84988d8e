"""The fixtures ``livecov`` and ``livecov_server``.

Tests ``pytest_plugin.current``.
"""

from __future__ import annotations

import re

import pytest

from flask_livecoverage.journal.facts import read_facts

from ..support.journals import only_run
from ..support.lines import line_of
from .conftest import Suite, section

TESTS = """
    import pytest

    from drive import get

    def test_before():
        pass

    def test_lines(livecov):
        assert livecov.name == "test_it.py::test_lines"
        assert livecov.lines() == {}
        get(1, livecov.url, livecov.headers)
        assert livecov.lines() == {"shop.py": PAGE_1}

    def test_parts(livecov):
        get(2, livecov.url, livecov.headers)
        with livecov.window("one") as name:
            get(3, livecov.url, livecov.headers)
            with livecov.window("of one\\n"):
                get(4, livecov.url, livecov.headers)
            get(5, livecov.url, livecov.headers)
        get(6, livecov.url, livecov.headers)
        assert name == "test_it.py::test_parts > one"
        assert livecov.lines() == {"shop.py": PAGES_2_TO_6}

    def test_only_server(livecov_server):
        get(7, livecov_server.url, {"Livecov-Test": "test_it.py::test_only_server"})

    def test_assert_ran(livecov):
        get(8, livecov.url, livecov.headers)
        livecov.assert_ran("shop.py:LINE_8", "shop.py:RANGE_8")
        with pytest.raises(pytest.fail.Exception, match="RANGE_7.* not executed by this test"):
            livecov.assert_ran("shop.py:LINE_8", "shop.py:RANGE_7")
        livecov.assert_ran("shop.py:LINE_7")

    def test_requested_late(request):
        request.getfixturevalue("livecov")
        get(9, request.getfixturevalue("livecov_server").url, request.getfixturevalue("livecov").headers)
        request.getfixturevalue("livecov").assert_ran("shop.py:LINE_9")

    def test_after():
        pass
"""


def write_tests(suite: Suite) -> None:
    begin = {number: line_of(suite.app, f"def page_{number}()") for number in (7, 8, 9)}
    values = {
        "PAGES_2_TO_6": suite.page_lines(2, 3, 4, 5, 6),
        "PAGE_1": suite.page_lines(1),
        **{f"LINE_{number}": line + 3 for number, line in begin.items()},
        **{f"RANGE_{number}": f"{line + 3}-{line + 4}" for number, line in begin.items()},
    }
    text = TESTS
    for name, value in values.items():
        text = text.replace(name, str(value))
    suite.write("test_it.py", text)


@pytest.mark.parametrize("tag", [False, True], ids=["windows", "tags"])
def test_with_managed_server(suite: Suite, tag: bool) -> None:
    write_tests(suite)

    result = suite.run("-v", "--livecov-app", "shop", *(["--livecov-tag"] if tag else []))

    assert result.status == 1, result
    assert "1 failed, 6 passed" in result.stdout
    line = line_of(suite.app, "def page_7()") + 3
    own = ", ".join(re.findall(r"\d+", str(suite.page_lines(8))))
    message = f"shop.py:{line} was not executed by this test: of shop.py, it executed {own}"
    assert f"E       Failed: {message}" in result.stdout
    # The traceback shows only the test's own line, no frames of the plugin.
    assert "pytest_plugin/" not in result.stdout
    pages = suite.pages()
    other = [test for test in pages if str(test).startswith("test_it.py::test_parts > of one\\n #")]
    assert {test: paths for test, paths in pages.items() if test not in other} == {
        "test_it.py::test_lines": ["/page/1"],
        "test_it.py::test_parts": ["/page/2", "/page/6"],
        "test_it.py::test_parts > one": ["/page/3", "/page/5"],
        "test_it.py::test_only_server": ["/page/7"],
        "test_it.py::test_assert_ran": ["/page/8"],
        "test_it.py::test_requested_late": ["/page/9"],
    }
    assert [pages[test] for test in other] == [["/page/4"]]
    windows = [window.name for window in suite.recorded().windows]
    if tag:
        assert windows == []
    else:
        # Tests that ran before the server started, and those that do not use it, have none.
        assert len(set(windows)) == 7
        assert not {"test_it.py::test_before", "test_it.py::test_after"} & set(windows)
    rows = [line.split() for line in section(result)[2:]]
    assert [row for row in rows if row[-1].endswith("test_parts")] == [["5", "10", "10", "test_it.py::test_parts"]]
    assert "2 tests sent no request.\n" in result.stdout
    command = read_facts(only_run(suite.commands.folder)).command
    assert command is not None
    assert (command.arguments[0], command.arguments[-1 - tag], command.status) == ("pytest", "shop", 1)


def test_without_a_server(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a(livecov):\n    pass\n\ndef test_b(livecov_server):\n    pass\n")

    result = suite.run()

    assert result.status == 1
    for name in ("livecov", "livecov_server"):
        assert (
            f"\nthe fixture {name} needs a live server: give its address with --livecov-url or LIVECOVERAGE_URL, or "
            "an application to start with --livecov-app\n"
        ) in result.stdout
    assert "2 errors" in result.stdout

    failed = suite.run("--livecov-app", "nothing_here")

    assert failed.status == 1
    assert "\n--livecov-app nothing_here did not start: see what it has printed\n" in failed.stdout
    assert "Could not import 'nothing_here'" in failed.stdout
    assert "pytest_plugin/" not in failed.stdout


def test_configured_server_is_used(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a(livecov_server):\n    print('at', livecov_server.url)\n")

    result = suite.commands.run(*("--report", "text", "--"), *suite.pytest, "-s", "--livecov-app", "shop", app="shop")

    assert result.status == 0, result
    running = re.search(r"Running on (\S+)", result.stderr)
    assert running is not None
    assert f"at {running[1]}\n" in result.stdout
    assert "--serve" not in result.stdout


def test_options_of_the_server(suite: Suite) -> None:
    suite.write("elsewhere/made.py", "from flask import Flask\n\ndef create_app():\n    return Flask('made')\n")
    suite.write("test_it.py", "def test_a(livecov_server):\n    pass\n")
    suite.write(
        "pytest.ini",
        """
        [pytest]
        livecov_app = elsewhere.made
        livecov_serve_options = --data-dir "of its own"
        """,
    )

    assert suite.run().status == 0
    assert (suite.commands.folder / "of its own" / "runs").is_dir()
    assert not (suite.commands.folder / ".livecov").exists()
    wrong = suite.run("--livecov-serve-options", "'")
    assert (wrong.status, wrong.stderr) == (
        4,
        "ERROR: --livecov-serve-options cannot be read as a command line: No closing quotation\n\n",
    )
