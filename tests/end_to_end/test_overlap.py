"""Two simultaneous requests of different clients, over sockets: each has exactly its own lines."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import current_recorder
from tests.support.servers import serving

from ..support.lines import lines_of

ROUNDS = 25

VIEWS = """
    import threading

    meeting = threading.Barrier(2)

    def left():
        meet()  # left meets first
        total = shared(1)  # left shares
        meet()  # left meets again
        return str(total)  # left returns

    def right():
        meet()  # right meets first
        total = shared(2)  # right shares
        meet()  # right meets again
        return str(total)  # right returns

    def meet():
        meeting.wait(30)  # together

    def shared(side):
        if side == 1:  # which side
            for _ in range(50):  # left loop
                side += 1  # left step
        else:
            side = sum(i for i in range(50))  # right sum
        return side  # shared returns
"""

SHARED = ("# together", "# which side", "# shared returns")
LEFT = ("# left meets first", "# left shares", "# left meets again", "# left returns", "# left loop", "# left step")
RIGHT = ("# right meets first", "# right shares", "# right meets again", "# right returns", "# right sum")


@pytest.fixture
def views(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(
        VIEWS.replace("# left meets first", "# left meets first\n").replace(
            "# right meets first", "# right meets first\n"
        )
    )


@pytest.fixture
def port(views: ModuleType, engine_name: str) -> Iterator[int]:
    app = Flask("application")
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=engine_name)
    app.get("/left")(views.left)
    app.get("/right")(views.right)
    LiveCoverage(app)
    with serving(app) as port:
        yield port


def test_overlapping_requests_are_exact(port: int, views: ModuleType) -> None:
    def client(path: str) -> None:
        for _ in range(ROUNDS):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", path)
            assert connection.getresponse().status == 200
            connection.close()

    clients = [threading.Thread(target=client, args=(path,)) for path in ("/left", "/right")]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    recorder = current_recorder()
    assert recorder is not None
    run = read_run(recorder.run)
    assert len(run.requests) == 2 * ROUNDS
    expected = {"/left": lines_of(views, *SHARED, *LEFT), "/right": lines_of(views, *SHARED, *RIGHT)}
    for request in run.requests:
        assert run.traces[request.trace].line_numbers()[str(views.__file__)] == expected[request.path]
