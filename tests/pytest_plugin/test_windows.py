"""One test after the other: each is a window of the server."""

from __future__ import annotations

import re

from ..cli.processes import fetch
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
    # What no window can be called is escaped, or cut, and stays another test's name than all others.
    changed = {tuple(paths): str(test) for test, paths in pages.items()}
    assert changed.keys() == {("/page/6",), ("/page/8",), ("/page/9",)}
    assert changed["/page/6",].startswith("tests/test_ä.py::test_words[new\\nline] #")
    assert all(len(test) < 1000 for test in changed.values())
    assert changed["/page/8",].startswith("tests/test_ä.py::test_long[xxxx")

    rows = [line.rsplit(maxsplit=3) for line in section(result)[2:]]
    first = len(suite.page_lines(0, 1, 2))
    assert rows[:3] == [
        ["tests/test_ä.py::test_set_up_and_tear_down", "3", str(first), str(first)],
        ["tests/test_ä.py::test_failing", "3", str(first), "2"],
        ["tests/test_ä.py::test_erroring", "1", str(first // 3), str(first // 3)],
    ]
    assert [int(row[3]) for row in rows] == [first, 2, 2, 2, 2, 0, 0, 0, 0, 2, 2, 2]
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

    # What was executed before it counts for neither, with a test's name or without.
    for result in (first, second):
        assert result.status == 0, result
        assert section(result) == [
            "1 test executed 2 lines in the server, 2 of them not executed at start-up.",
            "1 test sent no request.",
        ]
    assert suite.pages() == {None: ["/page/2"], "test_it.py::test_a": ["/page/1"] * 2}

    # An empty address switches it off, whatever the file says.
    off = suite.run("-k", "test_b", LIVECOVERAGE_URL="")
    assert (off.status, section(off)) == (0, [])
    suite.commands.end_all()
