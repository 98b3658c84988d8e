"""Floods of windows and connections while the application is at work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from ...support.lines import line_of
from .servers import PREFIX, Server, running

CLIENTS = 4


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running("werkzeug", tmp_path_factory.mktemp("flooded")) as server:
        yield server
        server.assert_quiet()


def test_clients_that_never_finish(server: Server) -> None:
    """Each occupies a thread of the server, as it would at any route; the application continues in other threads."""
    begun = [
        f"GET {PREFIX}/status HTTP/1.1\r\nHost: loc",
        f"POST {PREFIX}/start HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        "Content-Length: 1000\r\n\r\nname=",
    ]
    with ExitStack() as stack:
        for number in range(40):
            connection = stack.enter_context(server.connect())
            connection.sendall(begun[number % 2].encode())
        server.assert_exact()
        assert server.request(f"{PREFIX}/status").json["window"] is None
    server.assert_exact()


@pytest.mark.promise
def test_windows(server: Server, thorough: bool) -> None:
    """All requests are answered and recorded exactly, and the run can still be reported on."""
    count = 2500 if thorough else 40

    def start(client: int) -> list[int]:
        return [server.request(f"{PREFIX}/start?name=w{client}-{number}").status for number in range(count)]

    def start_and_stop(client: int) -> list[int]:
        asked = (f"start?name=s{number}" if number % 2 else "stop" for number in range(count // 10))
        return [server.request(f"{PREFIX}/{route}").status for route in asked]

    def work(client: int) -> list[int]:
        made = []
        for number in range(count // 4):
            method = "GET" if number % 2 else "POST"
            made.append(server.request("/tea", f"Livecov-Test: {client}-{method}", method=method).status)
        return made

    with ThreadPoolExecutor(3 * CLIENTS) as pool:
        calls = [pool.submit(do, client) for client in range(CLIENTS) for do in (start, start_and_stop, work)]
        answers = [call.result() for call in calls]
    assert {status for answer in answers[::3] for status in answer} == {200}
    # Another client may have closed the window.
    assert {status for answer in answers[1::3] for status in answer} <= {200, 409}
    assert {status for answer in answers[2::3] for status in answer} == {200}

    assert server.request(f"{PREFIX}/start?name=last").status == 200
    assert server.request("/tea", method="POST").status == 200
    summary = server.request(f"{PREFIX}/stop").json
    assert (summary["name"], summary["requests"], summary["lines"]) == ("last", 1, 1)
    assert server.request(f"{PREFIX}/status").json["requests"] >= CLIENTS * (count // 4) + 1
    assert server.request(f"{PREFIX}/dump").status == 200

    run = server.recorded()
    assert sum(window.name.startswith("w") for window in run.windows) == CLIENTS * count
    path = server.folder / "application.py"
    lines = {"GET": [line_of(path, 'return "tea"')], "POST": [line_of(path, 'return "brewed"')]}
    for request in run.requests:
        assert run.traces[request.trace].line_numbers() == {str(path): lines[request.method]}
        if request.test not in (None, "last"):
            assert str(request.test).endswith(f"-{request.method}")
