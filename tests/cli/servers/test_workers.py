"""Several workers are one run: windows, resets and dumps hold for all of them, whichever answers."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.request import urlopen

import pytest

from flask_livecoverage.lines import from_bitmap, from_hex

from ...conftest import line_of
from ..processes import Commands, Gate, fetch
from .servers import GUNICORN, Live, Workers, assert_import_was_measured, recorded, start

WORKERS = 3


def control(live: Live, path: str, method: str = "GET") -> dict[str, Any]:
    status, body = fetch(f"{live.url}/__coverage__/{path}", method)
    assert status == 200, body
    answer: dict[str, Any] = json.loads(body)
    return answer


@pytest.fixture
def live(commands: Commands, gate: Gate) -> Live:
    return start(commands, gate, f"{GUNICORN} -w {WORKERS} app:app")


def test_windows_and_resets_hold_for_all_workers(live: Live) -> None:
    workers = Workers(live, WORKERS)
    first = workers.who()
    before = workers.asked
    control(live, "start?name=checkout")
    inside = set()
    for _ in range(WORKERS):
        workers.next()
        inside.add(workers.who())
    assert len(inside) == WORKERS
    # Another worker than the one that opened it.
    workers.next()
    assert workers.who() != first
    count = workers.asked - before
    workers.let_go()
    summary = control(live, "stop")
    assert (summary["name"], summary["requests"]) == ("checkout", count)
    dump = control(live, "dump")
    assert {str(request["pid"]) for request in dump["requests"] if request["test"] == "checkout"} == inside
    assert [request["test"] for request in dump["requests"]].count(None) == before

    control(live, "reset", "POST")
    workers = Workers(live, WORKERS)
    for _ in range(WORKERS):
        # Each worker knows of the reset, and of what all have recorded since then, up to their last response.
        workers.next()
        workers.who()
        held = WORKERS - 1
        assert len(control(live, "dump")["requests"]) == control(live, "status")["requests"] == workers.asked - held
    workers.let_go()
    live.end()


def test_windows_switch_all_workers_on(commands: Commands, gate: Gate) -> None:
    live = start(commands, gate, f"{GUNICORN} -w {WORKERS} app:app", LIVECOVERAGE_AUTOSTART="0")
    workers = Workers(live, WORKERS)
    pids = set()
    for _ in range(WORKERS):
        workers.next()
        pids.add(workers.who())
    workers.let_go()
    assert control(live, "status")["requests"] == 0

    control(live, "start?name=one")
    workers = Workers(live, WORKERS)
    for _ in range(WORKERS):
        workers.next()
        workers.who()
    workers.let_go()
    asked = workers.asked
    control(live, "stop")

    workers = Workers(live, WORKERS)
    for _ in range(WORKERS):
        workers.next()
        workers.who()
    workers.let_go()
    live.end()
    run = recorded(commands)
    assert [request.test for request in run.requests] == ["one"] * asked
    assert {str(request.pid) for request in run.requests} == pids


def test_every_request_is_in_exactly_one_dump(live: Live, thorough: bool) -> None:
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
            dumped += [request["id"] for request in control(live, "dump?reset=1")["requests"]]
        return dumped

    with ThreadPoolExecutor(clients + 2) as pool:
        dumps = [pool.submit(dump_until_done) for _ in range(2)]
        requests = [pool.submit(ask_many) for _ in range(clients)]
        asked = [request for future in requests for request in future.result()]
        busy.set()
        dumped = [request for future in dumps for request in future.result()]
    dumped += [request["id"] for request in control(live, "dump?reset=1")["requests"]]
    assert len(asked) == clients * each
    assert sorted(dumped) == sorted(asked)
    live.end()


def test_recycled_workers_join_the_run(commands: Commands, gate: Gate) -> None:
    live = start(commands, gate, f"{GUNICORN} -w 2 --max-requests 3 app:app")
    pids = [fetch(f"{live.url}/who")[1] for _ in range(12)]
    live.end()
    run = recorded(commands)
    assert len(set(pids)) > 2
    assert [str(request.pid) for request in run.requests] == pids
    assert set(pids) <= {str(process.pid) for process in run.processes}


def test_a_killed_worker_loses_nothing_that_was_answered(commands: Commands, gate: Gate) -> None:
    live = start(commands, gate, f"{GUNICORN} app:app")
    pids = []
    for _ in range(3):
        pids.append(fetch(f"{live.url}/who")[1])
        # It kills its process, and nobody answers.
        with pytest.raises(OSError):
            fetch(f"{live.url}/die")
    live.end()
    run = recorded(commands)
    assert [str(request.pid) for request in run.requests] == pids
    assert len(set(pids)) == 3
    # The import lines of all three were written before their first response.
    assert_import_was_measured(commands, run, "app.py", "os.kill(", "gate.wait()")
    # Nobody else's trace stands in for one that was lost.
    imported = line_of(commands.folder / "app.py", "import parts")
    for pid in pids:
        assert imported in lines_in_journal_of(commands, pid)


def lines_in_journal_of(commands: Commands, pid: str) -> set[int]:
    """The lines of the application that the journal of one process holds."""
    journals = [path.read_text().splitlines() for path in commands.folder.glob(".livecov/runs/*/journal-*")]
    (journal,) = [[json.loads(line) for line in lines] for lines in journals if f'"pid": {pid},' in lines[0]]
    app = str(commands.folder / "app.py")
    traces = [entry["files"] for entry in journal if entry["type"] == "trace"]
    return {number for files in traces if app in files for number in from_bitmap(from_hex(files[app]["lines"]))}
