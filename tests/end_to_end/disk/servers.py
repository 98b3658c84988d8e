"""A server whose requests have many different traces, and clients with the expected lines of each request."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import Popen
from typing import Any

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run

from ...support.servers import LISTENING, PYTHON, get, process, read_port, write_script

_BITS = 8
_HEAD = """\
from flask import Flask

from flask_livecoverage import LiveCoverage

app = Flask(__name__)
LiveCoverage(app)


@app.get("/<int:number>")
def index(number):
    found = 0
"""
_BIT = """\
    if number & {value}:
        found += {value}
"""
_TAIL = """\
    return str(found)


@app.get("/stream")
def stream():
    def chunks():
        yield "first,"
        yield "second,"
        yield "last"

    return chunks()
"""
APPLICATION = _HEAD + "".join(_BIT.format(value=1 << bit) for bit in range(_BITS)) + _TAIL


@dataclass
class Server:
    """A server, and the numbers that clients have requested."""

    process: Popen[str]
    port: int
    folder: Path
    data_dir: Path
    sent: list[int] = field(default_factory=list)
    _next: int = 0

    def ask(self, count: int, *, clients: int = 3) -> None:
        """Send requests from several clients at once; each must be answered correctly."""
        first, self._next = self._next, self._next + count
        wrong: list[tuple[int, int, bytes]] = []

        def send(numbers: range) -> None:
            for number in numbers:
                status, body = get(self.port, f"/{number}")
                self.sent.append(number)
                if (status, body) != (200, str(number % (1 << _BITS)).encode()):
                    wrong.append((number, status, body))

        threads = [threading.Thread(target=send, args=(range(first + c, self._next, clients),)) for c in range(clients)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []

    def control(self, route: str, method: str = "GET") -> tuple[int, dict[str, Any]]:
        """Return the answer of a control route: one JSON object, whatever the state of the disk."""
        status, body = get(self.port, f"/__coverage__/{route}", method=method)
        return status, json.loads(body)

    def status(self) -> dict[str, Any]:
        code, answer = self.control("status")
        assert code == 200, answer
        return answer

    @property
    def run(self) -> RunFolder:
        return DataDir(self.data_dir).run(self.status()["run"])

    def check(self, run: Run) -> None:
        """Assert that each record belongs to one request that was sent, and has exactly its lines."""
        numbers = [int(request.path.strip("/")) for request in run.requests]
        assert len(numbers) == len(set(numbers))
        assert {*numbers} <= {*self.sent}
        application = str((self.folder / "application.py").resolve())
        text = APPLICATION.splitlines()
        for number, request in zip(numbers, run.requests, strict=True):
            assert (request.status, request.method) == (200, "GET")
            lines = {text[line - 1].strip() for line in run.traces[request.trace].line_numbers()[application]}
            expected = {f"found += {1 << bit}" for bit in range(_BITS) if number >> bit & 1}
            assert {line for line in lines if line.startswith("found +=")} == expected


@contextmanager
def server(folder: Path, data_dir: Path, **settings: str) -> Iterator[Server]:
    """Run a server that records into ``data_dir``."""
    (folder / "application.py").write_text(APPLICATION)
    script = write_script(folder / "serve.py")
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_DATA_DIR": str(data_dir), **settings}
    with process([PYTHON, str(script)], environ, folder) as running:
        yield Server(running, read_port(running, LISTENING), folder, data_dir)
