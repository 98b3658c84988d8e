"""Several workers are one run: windows, resets and dumps apply to all of them, whichever answers.

Tests ``journal.window_switch``.
"""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from http.client import RemoteDisconnected
from typing import Any
from urllib.request import urlopen

import pytest

from flask_livecoverage.model.bitmap import from_bitmap, from_hex

from ...support.lines import line_of
from ...support.processes import Commands, Gate, fetch
from ...support.real_servers import GUNICORN, Live, Workers, assert_import_was_measured, recorded, start

WORKERS = 3


def control(live: Live, path: str, method: str = "GET") -> dict[str, Any]:
    status, body = fetch(f"{live.url}/__coverage__/{path}", method)
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


def test_windows_and_resets_apply_to_all_workers(commands: Commands, gate: Gate) -> None:
    live = start(commands, gate, f"{GUNICORN} -w {WORKERS} app:app", LIVECOVERAGE_AUTOSTART="0")
    workers = Workers(live, WORKERS)
    opener = workers.who()
    control(live, "start?name=checkout")
    before = workers.requests_sent
    inside = set()
    for _ in range(WORKERS):
        workers.next()
        inside.add(workers.who())
    # Another worker than the one that opened it.
    workers.next()
    assert workers.who() != opener
    summary = control(live, "stop")
    assert len(inside) == WORKERS
    # Requests that are still held have no record yet.
    assert summary["name"] == "checkout"
    assert summary["requests"] == workers.requests_sent - before - (WORKERS - 1)
    for _ in range(WORKERS):
        workers.next()
        workers.who()
    workers.release_all()
    dump = control(live, "dump")
    assert {request["test"] for request in dump["requests"]} == {"checkout"}
    assert {str(request["pid"]) for request in dump["requests"]} == inside
    # In any order, because the requests that were held when the window closed have ended since.
    assert len(dump["requests"]) == summary["requests"] + WORKERS - 1

    control(live, "start?name=payment")
    workers = Workers(live, WORKERS)
    control(live, "reset", "POST")
    before = workers.requests_sent
    for _ in range(WORKERS):
        # Each worker sees the reset, and all records since then of all workers, up to their last response.
        workers.next()
        workers.who()
        answered = workers.requests_sent - (WORKERS - 1)
        assert len(control(live, "dump")["requests"]) == control(live, "status")["requests"] == answered
    workers.release_all()
    live.end()


@pytest.mark.promise
def test_every_request_is_in_exactly_one_dump(commands: Commands, gate: Gate, thorough: bool) -> None:
    live = start(commands, gate, f"{GUNICORN} -w {WORKERS} app:app")
    each = 2000 if thorough else 60
    clients = 4
    busy = threading.Event()

    def ask_many() -> list[str]:
        return [ask_once() for _ in range(each)]

    def ask_once() -> str:
        with urlopen(f"{live.url}/who") as response:
            response.read()
            return str(response.headers["Livecov-Request"])

    def dump_until_done() -> list[str]:
        dumped = []
        while not busy.is_set():
            dumped += [request["id"] for request in control(live, "dump?reset=1", "POST")["requests"]]
        return dumped

    with ThreadPoolExecutor(clients + 2) as pool:
        dumps = [pool.submit(dump_until_done) for _ in range(2)]
        requests = [pool.submit(ask_many) for _ in range(clients)]
        asked = [request for future in requests for request in future.result()]
        busy.set()
        dumped = [request for future in dumps for request in future.result()]
    dumped += [request["id"] for request in control(live, "dump?reset=1", "POST")["requests"]]
    assert len(asked) == clients * each
    assert sorted(dumped) == sorted(asked)
    live.end()


def test_new_workers_join_the_run(commands: Commands, gate: Gate) -> None:
    """gunicorn replaces a worker after some requests, and one that was killed."""
    live = start(commands, gate, f"{GUNICORN} --max-requests 4 app:app")
    # The server's first answer was to `livecov run`.
    pids = [fetch(f"{live.url}/who")[1] for _ in range(5)]
    # The request kills its process, so there is no response.
    with pytest.raises((ConnectionError, RemoteDisconnected)):
        fetch(f"{live.url}/die")
    pids.append(fetch(f"{live.url}/who")[1])
    live.end()
    run = recorded(commands)
    assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 2, 1]
    assert [str(request.pid) for request in run.requests] == pids
    assert_import_was_measured(commands, run, "app.py", "os.kill(", "gate.wait()")
    # The trace of another process must not replace one that was lost.
    imported = line_of(commands.folder / "app.py", "import parts")
    for pid in set(pids):
        assert imported in lines_in_journal_of(commands, pid)


def lines_in_journal_of(commands: Commands, pid: str) -> set[int]:
    """The lines of the application that the journal of one process holds."""
    journals = [path.read_text().splitlines() for path in commands.folder.glob(".livecov/runs/*/journal-*")]
    (journal,) = [[json.loads(line) for line in lines] for lines in journals if f'"pid": {pid},' in lines[0]]
    app = str(commands.folder / "app.py")
    traces = [entry["files"] for entry in journal if entry["type"] == "trace"]
    return {number for files in traces if app in files for number in from_bitmap(from_hex(files[app]["lines"]))}
