"""A killed server loses nothing: every request whose response was received is on disk."""

from __future__ import annotations

import os
import threading
from http.client import HTTPException
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run

from ...support.lines import line_of
from ...support.servers import LISTENING, PYTHON, get, process, read_port, write_script

APPLICATION = """\
from flask import Flask, Response

from flask_livecoverage import LiveCoverage

app = Flask(__name__)
LiveCoverage(app)


@app.get("/even/<int:number>")
def even(number):
    return "even"


@app.get("/odd/<int:number>")
def odd(number):
    return "odd"


@app.get("/stream/<int:number>")
def stream(number):
    def chunks():
        yield "first,"
        yield "second,"
        yield "last"

    return Response(chunks())


@app.get("/fault/<int:number>")
def fault(number):
    raise RuntimeError("seen in the journal")
"""

BODIES = {
    "even": (200, b"even", 'return "even"'),
    "odd": (200, b"odd", 'return "odd"'),
    "stream": (200, b"first,second,last", 'yield "last"'),
    "fault": (500, None, "raise RuntimeError"),
}
THREADS, ENOUGH = 4, 120


def test_killed_server_has_written_every_request_that_was_answered(tmp_path: Path, engine_name: str) -> None:
    source = tmp_path / "application.py"
    source.write_text(APPLICATION)
    script = write_script(tmp_path / "serve.py")
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}
    answered: list[tuple[str, int]] = []
    enough, killed = threading.Event(), threading.Event()

    with process([PYTHON, str(script)], environ, tmp_path) as server:
        port = read_port(server, LISTENING)

        def drive(thread: int) -> None:
            for number in range(thread, 1_000_000, THREADS):
                kind = list(BODIES)[number // THREADS % 4]
                path = f"/{kind}/{number}"
                try:
                    status, body = get(port, path)
                except (OSError, HTTPException):
                    assert killed.is_set(), (path, len(answered))
                    return
                assert (status, body) == (BODIES[kind][0], BODIES[kind][1] or body)
                answered.append((path, status))
                if len(answered) >= ENOUGH:
                    enough.set()

        threads = [threading.Thread(target=drive, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        assert enough.wait(60)
        killed.set()
        server.kill()
        for thread in threads:
            thread.join()
        assert server.wait() == -9

    (folder,) = DataDir(tmp_path / ".livecov").select("all")
    run = read_run(folder)
    assert [warning for warning in run.warnings if "last line is torn" not in warning] == []
    recorded = {request.path: request for request in run.requests}
    assert len(answered) >= ENOUGH
    for path, status in answered:
        request = recorded[path]
        assert request.status == status
        needle = BODIES[path.split("/")[1]][2]
        assert line_of(source, needle) in run.traces[request.trace].line_numbers()[str(source.resolve())]


@pytest.mark.parametrize("body", ["'whole'", "['whole']", "iter(['who', 'le'])"])
def test_record_is_on_disk_when_the_first_byte_arrives(tmp_path: Path, body: str) -> None:
    """The client kills the server as soon as it has the response."""
    (tmp_path / "application.py").write_text(
        "from flask import Flask, Response\nfrom flask_livecoverage import LiveCoverage\n\n"
        f"app = Flask(__name__)\nLiveCoverage(app)\napp.get('/')(lambda: Response({body}))\n"
    )
    script = write_script(tmp_path / "serve.py")
    with process([PYTHON, str(script)], {**os.environ, "LIVECOVERAGE": "1"}, tmp_path) as server:
        assert get(read_port(server, LISTENING), "/") == (200, b"whole")
        server.kill()
    (request,) = read_run(DataDir(tmp_path / ".livecov").select("latest")[0]).requests
    assert (request.path, request.status) == ("/", 200)
