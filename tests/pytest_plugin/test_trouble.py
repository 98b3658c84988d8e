"""Servers that do not answer, answer something else, or die.

Tests ``pytest_plugin.session_report`` and ``pytest_plugin.control_requests``.
"""

from __future__ import annotations

import signal

import pytest

from .conftest import Suite, section

SUITE = """
    import os
    import signal
    import socket
    from urllib.parse import urlsplit

    from drive import get

    URL = os.environ["LIVECOVERAGE_URL"]

    def test_a():
        get(1, URL, {"Livecov-Test": "test_it.py::test_a"})

    def test_deadly():
        get(2, URL, {"Livecov-Test": "test_it.py::test_deadly"})
        os.kill(int(os.environ["SERVER"]), signal.SIGKILL)
        while True:
            try:
                socket.create_connection((urlsplit(URL).hostname, urlsplit(URL).port)).close()
            except OSError:
                break

    def test_c():
        pass

    def test_d():
        pass
"""

SWITCH_OFF = "or switch this plugin off with -p no:livecov"


def test_no_server_answers(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a():\n    pass\n")
    url = "http://127.0.0.1:1"

    result = suite.run(LIVECOVERAGE_URL=url)

    assert (result.status, "passed" in result.stdout, section(result)) == (4, False, [])
    assert result.stderr.strip() == (
        f"ERROR: no server answers at {url} ([Errno 111] Connection refused): start it, {SWITCH_OFF}"
    )


def test_not_measured(suite: Suite, unmeasured_server: str) -> None:
    suite.write("test_it.py", "def test_a():\n    pass\n")

    result = suite.run("--livecov-url", unmeasured_server)

    assert (result.status, "passed" in result.stdout) == (4, False)
    assert result.stderr.strip() == (
        f"ERROR: {unmeasured_server}/__coverage__/status answers 501: is live coverage active there?; start it with "
        f"`flask livecov serve`, {SWITCH_OFF}"
    )

    no_url = suite.run("--livecov-url", "localhost:5000")
    assert (no_url.status, no_url.stderr.strip()) == (
        4,
        "ERROR: --livecov-url cannot be 'localhost:5000': use the form http://HOST:PORT",
    )


def test_tests_without_windows_are_not_recorded(suite: Suite) -> None:
    server = suite.commands.serve("--no-report", app="shop", LIVECOVERAGE_AUTOSTART="0")
    suite.write("test_it.py", "from drive import get\n\ndef test_a():\n    get(1)\n")

    refused = suite.run("--livecov-tag", LIVECOVERAGE_URL=server.url)
    windows = suite.run(LIVECOVERAGE_URL=server.url)

    assert refused.status == 4
    assert "records only while a window is open, and parallel tests open none" in refused.stderr
    assert windows.status == 0
    assert suite.pages() == {"test_it.py::test_a": ["/page/1"]}
    suite.commands.end_all()


@pytest.mark.parametrize("tag", [False, True], ids=["windows", "tags"])
def test_death(suite: Suite, tag: bool) -> None:
    server = suite.commands.serve("--no-report", app="shop")
    suite.write("test_it.py", SUITE)

    options = ["--livecov-tag"] if tag else []
    earlier = suite.run("-k", "test_a", LIVECOVERAGE_URL=server.url)
    result = suite.run("-v", *options, LIVECOVERAGE_URL=server.url, SERVER=str(server.process.pid))
    assert earlier.status == 0, earlier

    # The tests continue, pytest's exit status is theirs, and the records up to then are summarised, without those of an
    # earlier session.
    assert (result.status, "4 passed" in result.stdout) == (0, True), result
    warning, *table = section(result)
    assert warning == (
        "WARNING: the server stopped answering during test_it.py::test_deadly; from then on, 2 tests could not be "
        "reported to it ([Errno 111] Connection refused)"
    )
    assert [line.split() for line in table[2:]] == [
        ["1", "2", "2", "test_it.py::test_a"],
        ["1", "2", "2", "test_it.py::test_deadly"],
    ]
    assert "INTERNALERROR" not in result.stdout
    assert suite.pages() == {"test_it.py::test_a": ["/page/1"] * 2, "test_it.py::test_deadly": ["/page/2"]}
    assert server.wait().status == -signal.SIGKILL
