"""Mixed load for a long time, each record of which is checked: are all there, once, with exactly their lines?

::

    python benchmarks/soak.py --minutes 30
    python benchmarks/soak.py --minutes 5 --engine ctrace --clients 8

``flask livecov serve`` serves views that loop, branch, stream, fail, start threads and leave threads behind. Clients
ask for them at random, some with a test's name; meanwhile windows open and close, and dumps with a reset divide the
run. The comments in the application say which lines a request of each kind has to execute.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import psutil

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.store import open_store, store_url

APPLICATION = """\
import threading
import time

from flask import Flask, Response, abort, after_this_request, request, stream_with_context

app = Flask(__name__)


@app.before_request
def before():
    request.began = time.time()  # all


@app.teardown_request
def teardown(error):
    request.ended = time.time()  # all


@app.get("/branch/<int:number>")
def branch(number):
    if number % 2:  # odd even
        return "odd"  # odd
    return "even"  # even


@app.get("/loop/<int:number>")
def loop(number):
    total = 0  # loop
    for item in range(500):  # loop
        total += double(item)  # loop
    return str(total)  # loop


def double(item):
    return 2 * item  # loop


@app.get("/stream/<int:number>")
def stream(number):
    def parts():  # stream
        for part in range(5):  # stream
            yield f"{part} of {request.path}, "  # stream
        yield last()  # stream

    return Response(stream_with_context(parts()))  # stream


def last():
    return "done"  # stream


@app.get("/threads/<int:number>")
def threads(number):
    found = []  # threads
    workers = [threading.Thread(target=work, args=(found,)) for _ in range(2)]  # threads
    for worker in workers:  # threads
        worker.start()  # threads
    for worker in workers:  # threads
        worker.join()  # threads
    return str(len(found))  # threads


def work(found):
    found.append(1)  # threads


@app.get("/late/<int:number>")
def late(number):
    threading.Thread(target=later).start()  # late
    return "now"  # late


def later():
    time.sleep(0.005)  # late
    finish()  # late


def finish():
    pass  # late


@app.get("/after/<int:number>")
def after(number):
    @after_this_request  # after
    def add_header(response):  # after
        response.headers["X-After"] = "yes"  # after
        return response  # after

    return "before"  # after


@app.post("/echo/<int:number>")
def echo(number):
    return request.get_data()  # echo


@app.get("/missing/<int:number>")
def missing(number):
    abort(404)  # missing


@app.get("/fault/<int:number>")
def fault(number):
    raise RuntimeError("on purpose")  # fault
"""

STATUS = {"missing": 404, "fault": 500}
WHOLE = {
    "odd": b"odd", "even": b"even", "loop": b"249500", "threads": b"2", "late": b"now", "after": b"before",
    "echo": b"posted",
}  # fmt: skip
KINDS = ["odd", "even", "loop", "stream", "threads", "late", "after", "echo", "missing", "fault"]


def expected_lines(kind: str) -> list[int]:
    comments = [line.rpartition("  # ")[2].split() if "  # " in line else [] for line in APPLICATION.splitlines()]
    return [number for number, kinds in enumerate(comments, 1) if {kind, "all"} & set(kinds)]


@dataclass(frozen=True)
class Answered:
    """What a client knows of a request that it had the whole response of. Times are UNIX seconds."""

    id: str
    kind: str
    path: str
    test: str | None
    sent: float
    received: float


@dataclass
class Load:
    """What the clients and the operator did."""

    url: str
    deadline: float
    answered: list[Answered] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    # When a window could be open at the earliest, ascending, and its name; None closes it.
    windows: list[tuple[float, str | None]] = field(default_factory=list)
    dumped: Counter[str] = field(default_factory=Counter)
    dumps: int = 0
    memory: list[int] = field(default_factory=list)

    def drive(self, client: int) -> None:
        """One client, until the time is over."""
        chance = random.Random(client)
        for number in range(client, 1 << 40, 100):
            if time.time() > self.deadline:
                return
            kind = chance.choice(KINDS)
            number = 2 * number + (kind == "odd")
            path = f"/{'branch' if kind in ('odd', 'even') else kind}/{number}"
            test = f"{kind} by {client}" if chance.random() < 0.5 else None
            sent = time.time()
            status, body, id_ = ask(self.url, path, *(("POST", b"posted") if kind == "echo" else ()), test=test)
            if (status, body) != (STATUS.get(kind, 200), body_of(kind, path, body)):
                self.faults.append(f"{path} answered {status} {body[:80]!r}")
            self.answered.append(Answered(id_, kind, path, test, sent, time.time()))

    def operate(self, server: psutil.Process) -> None:
        """Windows of a second or so, and a dump with a reset every twenty."""
        number = 0
        while time.time() < self.deadline:
            number += 1
            name = f"window {number}"
            self.windows.append((time.time(), name))
            ask(self.url, f"/__coverage__/start?name=window%20{number}")
            pause(min(1.0, self.deadline - time.time()))
            if number % 3:
                status, body, _ = ask(self.url, "/__coverage__/stop")
                if status != 200 or json.loads(body)["name"] != name:
                    self.faults.append(f"stop answered {status} {body[:200]!r}")
                self.windows.append((time.time(), None))
            if number % 20 == 0:
                self.dump()
            self.memory.append(server.memory_info().rss)

    def dump(self) -> None:
        status, body, _ = ask(self.url, "/__coverage__/dump?reset=1", "POST")
        if status != 200:
            self.faults.append(f"dump answered {status} {body[:200]!r}")
            return
        self.dumps += 1
        self.dumped.update(request["id"] for request in json.loads(body)["requests"])

    def windows_between(self, sent: float, received: float) -> set[str | None]:
        """The windows that may have been open when a request began that was sent and answered then."""
        first = max(0, bisect_right(self.windows, sent, key=lambda event: event[0]) - 2)
        last = bisect_right(self.windows, received, key=lambda event: event[0])
        return {None, *(name for _, name in self.windows[first:last])}


def pause(seconds: float) -> None:
    threading.Event().wait(max(0.0, seconds))


def body_of(kind: str, path: str, body: bytes) -> bytes:
    if kind == "stream":
        return "".join(f"{part} of {path}, " for part in range(5)).encode() + b"done"
    return WHOLE.get(kind, body)


def ask(
    url: str, path: str, method: str = "GET", posted: bytes | None = None, *, test: str | None = None
) -> tuple[int, bytes, str]:
    """The status, the body and the request's id."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=120)
    try:
        headers = {} if test is None else {"Livecov-Test": test}
        connection.request(method, path, posted, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get("Livecov-Request", "")
    finally:
        connection.close()


@contextmanager
def served(folder: Path, engine: str) -> Iterator[tuple[str, psutil.Process]]:
    """The application, served until the block ends."""
    (folder / "app.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "flask", "--app", "app", "livecov", "serve"]
    command += ["--port", "0", "--no-report", "--no-access-log"]
    environ = {**os.environ, "LIVECOVERAGE_ENGINE": engine, "LIVECOVERAGE_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        marker = "Running on "
        url = next(line for line in process.stderr if marker in line).rpartition(marker)[2].strip()
        # The tracebacks of views that fail on purpose.
        drain = threading.Thread(target=lambda stream: all(stream), args=(process.stderr,))
        drain.start()
        yield url, psutil.Process(process.pid)
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        drain.join()


def check(load: Load, folder: Path) -> dict[str, int]:
    """The records of the run against what the clients know; how many of each fault there are."""
    found = Counter({"wrong answers": len(load.faults)})
    (run,) = DataDir(folder / "data").select("all")
    app = str((folder / "app.py").resolve())
    with open_store(store_url(folder / "data", None)) as store, store.recorded([store.sync(run)]) as recorded:
        lines = {id_: trace.line_numbers() for id_, trace in recorded.lines.traces().items()}
        records = {record.id: record for record in recorded.requests.newest()}
        found["warnings"] = len(store.warnings)
    wanted = {kind: {app: expected_lines(kind)} for kind in KINDS}
    for request in load.answered:
        record = records.pop(request.id, None)
        if record is None:
            found["missing"] += 1
            continue
        tests = {request.test} if request.test else load.windows_between(request.sent, request.received)
        if lines.get(record.trace) != wanted[request.kind]:
            found["wrong lines"] += 1
            load.faults.append(f"{request} executed {lines.get(record.trace)}, expected {wanted[request.kind]}")
        found["wrong status or path"] += (record.status, record.path) != (
            STATUS.get(request.kind, 200),
            request.path,
        )
        found["wrong test"] += record.test not in tests
    found["never asked for"] = len(records)
    ids = {request.id for request in load.answered}
    found["in no dump"] = len(ids - load.dumped.keys())
    found["in two dumps"] = sum(count > 1 for count in load.dumped.values())
    return {name: found[name] for name in FAULTS}


FAULTS = (
    "wrong answers", "missing", "never asked for", "wrong lines", "wrong status or path", "wrong test", "in no dump",
    "in two dumps", "warnings",
)  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--engine", default="auto")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with served(folder, options.engine) as (url, server):
            status: dict[str, Any] = json.loads(ask(url, "/__coverage__/status")[1])
            load = Load(url, time.time() + 60 * options.minutes)
            clients = [threading.Thread(target=load.drive, args=(number,)) for number in range(options.clients)]
            clients.append(threading.Thread(target=load.operate, args=(server,)))
            for client in clients:
                client.start()
            for client in clients:
                client.join()
            load.dump()
            status["lost"] = json.loads(ask(url, "/__coverage__/status")[1])["lost"]
            threads, files = server.num_threads(), len(server.open_files())
        bytes_written = sum(path.stat().st_size for path in (folder / "data" / "runs").rglob("*.jsonl"))
        report(options, load, status, (threads, files, bytes_written))
        faults = check(load, folder)
    for fault in load.faults[:10]:
        print(fault, file=sys.stderr)
    for label, count in faults.items():
        print(f"{label:22} {count:9,}")
    sys.exit(any(faults.values()))


def report(options: argparse.Namespace, load: Load, status: dict[str, Any], ends: tuple[int, int, int]) -> None:
    threads, files, bytes_written = ends
    requests = len(load.answered)
    tenth = max(1, len(load.memory) // 10)
    print(f"Python {sys.version.split()[0]}, engine {status['engine']}, {options.clients} clients")
    print(f"{'minutes':22} {options.minutes:9,.1f}")
    print(f"{'requests':22} {requests:9,}   {requests / (60 * options.minutes):,.0f} a second")
    print(f"{'windows':22} {sum(name is not None for _, name in load.windows):9,}")
    print(f"{'dumps with reset':22} {load.dumps:9,}")
    print(f"{'journal':22} {bytes_written / 1e6:9,.1f} MB, {bytes_written / max(1, requests):,.0f} bytes a request")
    for label, part in (("the first tenth", load.memory[:tenth]), ("the last tenth", load.memory[-tenth:])):
        print(f"{'memory, ' + label:22} {max(part) / 1e6:9,.1f} MB at most" if part else "")
    print(f"{'at the end':22} {threads:9,} threads, {files} open files, {status['lost']} records lost")


if __name__ == "__main__":
    main()
