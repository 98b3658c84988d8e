"""Tests that run one after the other: each is a window of the server.

Tests ``pytest_plugin.session`` and ``pytest_plugin.running_test``.
"""

from __future__ import annotations

import re

import pytest

from ..support.processes import fetch
from .conftest import PYTEST, Suite, section

SUITE = """
    import pytest

    from drive import get

    @pytest.fixture
    def around():
        get(0)
        yield
        get(1)

    def test_set_up_and_tear_down(around):
        get(2)

    def test_failing(around):
        get(3)
        raise AssertionError

    @pytest.fixture
    def broken():
        get(4)
        raise RuntimeError

    def test_erroring(broken):
        raise NotImplementedError

    def test_skipped():
        get(5)
        pytest.skip()

    @pytest.mark.parametrize("word", ["a b/c", "é→", "new\\nline", "a > b", "100%&x=1"])
    def test_words(word):
        get(6)

    class TestClass:
        def test_grö_ße(self):
            get(7)

    def test_without_requests():
        pass

    @pytest.mark.parametrize("n", [8, 9], ids=["x" * 1200, "x" * 1201])
    def test_long(n):
        get(n)
"""


def test_run(suite: Suite) -> None:
    suite.write("tests/test_ä.py", SUITE)
    suite.write(
        "pytest.ini",
        """
        [pytest]
        disable_test_id_escaping_and_forfeit_all_rights_to_community_support = true
        pythonpath = .
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, "-v", "tests", app="shop")

    assert result.status == 1, result
    assert re.search("1 failed, 10 passed, 1 skipped, 1 error in", result.stdout), result
    expected = {
        "test_set_up_and_tear_down": [0, 2, 1],
        "test_failing": [0, 3, 1],
        "test_erroring": [4],
        "test_skipped": [5],
        "test_words[a b/c]": [6],
        "test_words[é→]": [6],
        "test_words[a > b]": [6],
        "test_words[100%&x=1]": [6],
        "TestClass::test_grö_ße": [7],
    }
    pages, lines = suite.pages(), suite.lines()
    for name, numbers in expected.items():
        test = f"tests/test_ä.py::{name}"
        assert pages.pop(test) == [f"/page/{number}" for number in numbers]
        assert lines[test] == suite.page_lines(*numbers)
    # Names that are not valid for a window are escaped or cut, and remain distinct.
    changed = {tuple(paths): str(test) for test, paths in pages.items()}
    assert changed.keys() == {("/page/6",), ("/page/8",), ("/page/9",)}
    assert changed["/page/6",].startswith("tests/test_ä.py::test_words[new\\nline] #")
    assert all(len(test) < 1000 for test in changed.values())
    assert changed["/page/8",].startswith("tests/test_ä.py::test_long[xxxx")

    # Numbers first, so that the columns are aligned, however long an id is.
    head, rule, *table = section(result)
    assert (head, rule) == ("  Requests    Lines    New  Test", "----------  -------  -----  ----")
    rows = [[*line[: len(rule) - 4].split(), line[len(rule) - 4 :]] for line in table]
    first = len(suite.page_lines(0, 1, 2))
    assert rows[:3] == [
        ["3", str(first), str(first), "tests/test_ä.py::test_set_up_and_tear_down"],
        ["3", str(first), "2", "tests/test_ä.py::test_failing"],
        ["1", str(first // 3), str(first // 3), "tests/test_ä.py::test_erroring"],
    ]
    assert {row[3] for row in rows} == suite.pages().keys()
    assert [int(row[2]) for row in rows] == [first, 2, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2]
    assert (
        "12 tests executed 20 lines in the server, 20 of them not executed at start-up.\n"
        "1 test sent no request.\n"
        "4 tests added nothing to what start-up and earlier tests had executed.\n"
    ) in result.stdout


def test_second_session_of_a_server(suite: Suite) -> None:
    """With another prefix of the routes, and an address in the configuration file."""
    server = suite.commands.serve(
        "--no-report", app="shop", LIVECOVERAGE_URL_PREFIX="/cov", LIVECOVERAGE_TOKEN="secret"
    )
    suite.write("pytest.ini", f"[pytest]\nlivecov_url = {server.url}/\n")
    suite.write(
        "test_it.py",
        """
        import urllib.request

        def test_a(livecov):
            assert livecov.lines() == {}
            urllib.request.urlopen(livecov.url + "/page/1").close()
            assert len(livecov.lines()["shop.py"]) == 2

        def test_b():
            pass
        """,
    )
    environ = {"LIVECOVERAGE_URL_PREFIX": "/cov", "LIVECOVERAGE_TOKEN": "secret"}

    assert fetch(f"{server.url}/page/2")[0] == 200
    first, second = suite.run(**environ), suite.run(**environ)

    # Earlier requests count for neither session, with a test's name or without.
    for result in (first, second):
        assert result.status == 0, result
        assert section(result) == [
            "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
            "1 test sent no request.",
        ]
    assert suite.pages() == {None: ["/page/2"], "test_it.py::test_a": ["/page/1"] * 2}

    # An empty address switches it off, whatever the file contains.
    off = suite.run("-k", "test_b", LIVECOVERAGE_URL="")
    assert (off.status, section(off)) == (0, [])
    suite.commands.end_all()


def test_only_set_ups_run(suite: Suite) -> None:
    """Under ``--setup-only``, fixtures may use the server, but there are no tests to report."""
    suite.write(
        "test_it.py",
        """
        import pytest

        from drive import get

        @pytest.fixture
        def page(livecov):
            get(1, url=livecov.url)

        def test_page(page):
            get(2)
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, "--setup-only", app="shop")

    assert result.status == 0, result
    assert "SETUP    F page" in result.stdout
    assert suite.pages() == {None: ["/page/1"]}
    assert suite.recorded().windows == []
    assert "live coverage" not in result.stdout


def test_skipped_tests_are_not_counted(suite: Suite) -> None:
    """They did not run, so they are not among the tests without requests."""
    suite.write(
        "test_it.py",
        """
        import pytest

        from drive import get

        @pytest.fixture
        def cannot():
            get(1)
            pytest.skip()

        def test_skipped_in_a_fixture(cannot):
            raise NotImplementedError

        @pytest.mark.skip
        def test_skipped():
            raise NotImplementedError

        def test_none():
            pass
        """,
    )

    result = suite.commands.run("--report", "text", "--", *PYTEST, app="shop")

    assert result.status == 0, result
    assert suite.pages() == {"test_it.py::test_skipped_in_a_fixture": ["/page/1"]}
    assert section(result) == [
        "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
        "1 test sent no request.",
    ]


@pytest.mark.parametrize("options", [[], ["--livecov-tag"]])
def test_fixtures_that_tests_share(suite: Suite, options: list[str]) -> None:
    """Their set-up belongs to the first test that uses them, their tear-down to the last test of their scope."""
    suite.write(
        "conftest.py",
        """
        import pytest

        from drive import get

        @pytest.fixture(scope="session")
        def of_session():
            get(10)
            yield
            get(11)

        @pytest.fixture(scope="module")
        def of_module():
            get(12)
            yield
            get(13)
        """,
    )
    for module in ("one", "two"):
        suite.write(
            f"test_{module}.py",
            """
            from drive import get

            def test_first():
                get(1)

            def test_second(of_session, of_module):
                get(2)

            def test_third():
                get(3)
            """,
        )

    result = suite.commands.run("--report", "text", "--", *PYTEST, *options, app="shop")

    assert result.status == 0, result
    expected = {
        "test_one.py::test_first": [1],
        "test_one.py::test_second": [10, 12, 2],
        "test_one.py::test_third": [3, 13],
        "test_two.py::test_first": [1],
        "test_two.py::test_second": [12, 2],
        "test_two.py::test_third": [3, 13, 11],
    }
    assert suite.pages() == {test: [f"/page/{number}" for number in numbers] for test, numbers in expected.items()}
