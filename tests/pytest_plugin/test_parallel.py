"""Tests that run at the same time, with pytest-xdist: their names are sent with the requests.

Tests ``pytest_plugin.identity``.
"""

from __future__ import annotations

import re

import pytest

from .conftest import PYTEST_XDIST, Suite, section

pytest.importorskip("xdist", reason="pytest-xdist is not installed here")

# Each worker runs one file. A request waits in the application until there is one from each worker.
TESTS = """
    import http.client

    import pytest
    import requests

    def test_alone():
        pass

    @pytest.mark.parametrize("page", range(FIRST, FIRST + 4))
    def test_page(livecov, page):
        url = f"{livecov.url}/page/{page}?meet=1"
        if page % 2:
            connection = http.client.HTTPConnection(livecov.url.partition("://")[2])
            connection.request("GET", url, headers=livecov.headers)
            assert connection.getresponse().read()
            connection.close()
        else:
            # A supported client, which sends the name by itself.
            requests.get(url).raise_for_status()
        livecov.assert_ran(f"shop.py:{LINES[page - FIRST]}")
"""


def test_no_line_in_the_wrong_test(suite: Suite) -> None:
    pytest.importorskip("requests", reason="requests is not installed here")
    for worker in range(4):
        first = 4 * worker
        lines = [suite.page_lines(page)[1] for page in range(first, first + 4)]
        text = TESTS.replace("LINES", str(lines)).replace("FIRST", str(first))
        suite.write(f"test_{worker}.py", text)

    arguments = ("-n", "4", "--dist", "loadfile", "-v")
    result = suite.commands.run("--report", "text", "--", *PYTEST_XDIST, *arguments, app="shop")

    assert result.status == 0, result
    expected = {f"test_{page // 4}.py::test_page[{page}]": page for page in range(16)}
    assert suite.pages() == {test: [f"/page/{page}"] for test, page in expected.items()}
    assert suite.lines() == {test: suite.page_lines(page, meet=True) for test, page in expected.items()}
    # The controller opens no window, nor does a worker.
    assert suite.recorded().windows == []
    rows = {row[-1]: row[:2] for row in (line.split() for line in section(result)[2:])}
    assert rows == {test: ["1", "4"] for test in expected}
    assert (
        "\n16 tests executed 49 lines in the server, 49 of them not executed at start-up.\n4 tests sent no request.\n"
    ) in result.stdout


def test_managed_servers_record_one_run(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import pytest
        from drive import get

        @pytest.mark.parametrize("page", range(4))
        def test_page(livecov, page):
            get(page, livecov.url, livecov.headers)
            assert len(livecov.lines()["shop.py"]) == 2
        """,
    )

    result = suite.run("-n", "2", "--livecov-app", "shop")

    assert result.status == 0, result
    assert suite.lines() == {f"test_it.py::test_page[{page}]": suite.page_lines(page) for page in range(4)}
    assert len(list((suite.commands.folder / ".livecov" / "runs").iterdir())) == 1
    assert section(result) == ["4 tests executed 8 lines in the server, 8 of them not executed at start-up."]
    assert re.search("4 passed", result.stdout)


def test_server_missing(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a():\n    pass\n")

    result = suite.run("-n", "2", "--livecov-url", "http://127.0.0.1:1")

    assert result.status == 4, result
    (error,) = [line for line in result.stderr.splitlines() if line]
    assert error.startswith("ERROR: no server answers at http://127.0.0.1:1 (")
    assert "passed" not in result.stdout
