"""What a measured request costs, beside the same request to the bare application and under ``coverage run``.

::

    python benchmarks/cost.py            # WSGI calls, in one process
    python benchmarks/cost.py --http     # over HTTP, each server in a process of its own

Figures are medians of several rounds in which the variants take turns, so that a machine's moods hit all alike. Ratios
are throughput beside the bare application: 1.00 is no cost at all.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from werkzeug.test import EnvironBuilder

APPLICATION = """
from flask import Flask, jsonify

app = Flask(__name__)


@app.get("/trivial")
def trivial():
    return "ok"


def price(item, count):
    total = item * count
    if count > 10:
        total -= total // 10
    return total


@app.get("/view")
def view():
    rows = []
    for item in range(20):
        if item % 3:
            rows.append({"item": item, "price": price(item, item + 5)})
    return jsonify(rows)


@app.get("/hot")
def hot():
    total = 0
    for i in range(20000):
        if i % 7:
            total += i
        else:
            total -= 1
    return str(total)
"""

PATHS = ("/trivial", "/view", "/hot")

SERVER = """
import os, signal, socket, sys
import livecov_benchmark_app
from werkzeug.serving import make_server, WSGIRequestHandler
if os.environ.get("BENCHMARK_LIVECOV"):
    from flask_livecoverage.extension import attach
    attach(livecov_benchmark_app.app)
class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"
    def log_request(self, *args): pass
server = make_server("127.0.0.1", 0, livecov_benchmark_app.app, threaded=True, request_handler=Quiet)
print(server.port, flush=True)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server.serve_forever()
"""


def seconds_per_call(call: Callable[[], object], budget: float) -> float:
    """The time of one call, from as many as fit into ``budget`` seconds."""
    calls = 0
    began = time.perf_counter()
    while (spent := time.perf_counter() - began) < budget:
        call()
        calls += 1
    return spent / calls


def wsgi_call(app: object, path: str) -> Callable[[], None]:
    """A request through the whole WSGI protocol, without a server."""
    template = EnvironBuilder(path).get_environ()

    def start_response(status: str, headers: object, exc_info: object = None) -> Callable[[bytes], None]:
        assert status == "200 OK"
        return lambda data: None

    def call() -> None:
        body = app(dict(template), start_response)  # type: ignore[operator]
        for _ in body:
            pass
        body.close()

    return call


def measure_wsgi(rounds: int) -> None:
    """Bare and measured requests take turns in one process."""
    import livecov_benchmark_app

    from flask_livecoverage.extension import attach
    from flask_livecoverage.process import current_recorder, start_recording, stop_recording
    from flask_livecoverage.settings import load_settings

    app = livecov_benchmark_app.app
    bare = app.wsgi_app
    os.environ.update(LIVECOVERAGE="1", LIVECOVERAGE_SOURCE="livecov_benchmark_app")
    times: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        for path in PATHS:
            times.setdefault((path, "bare"), []).append(seconds_per_call(wsgi_call(bare, path), 0.3))
        start_recording(load_settings({}))
        app.extensions.pop("livecoverage", None)
        app.wsgi_app = bare
        attach(app)
        for path in PATHS:
            measured = wsgi_call(app.wsgi_app, path)
            for _ in range(50):
                measured()
            times.setdefault((path, "measured"), []).append(seconds_per_call(measured, 0.3))
        recorder = current_recorder()
        assert recorder is not None
        engine = recorder.engine.name
        stop_recording()
    print(f"Python {sys.version.split()[0]}, {engine}, WSGI calls in one thread")
    for path in PATHS:
        bare_time, measured_time = (statistics.median(times[path, kind]) for kind in ("bare", "measured"))
        print(
            f"  {path:9} bare {bare_time * 1e6:8.1f} us  measured {measured_time * 1e6:8.1f} us  "
            f"cost {(measured_time - bare_time) * 1e6:7.1f} us  ratio {bare_time / measured_time:.2f}"
        )


@contextlib.contextmanager
def server(kind: str, folder: Path) -> Iterator[int]:
    """A server in a process of its own; yields its port."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), *sys.path])}
    command = [sys.executable, "server.py"]
    if kind == "measured":
        environ.update(LIVECOVERAGE="1", LIVECOVERAGE_SOURCE="livecov_benchmark_app", BENCHMARK_LIVECOV="1")
    if kind == "coverage run":
        command = [sys.executable, "-m", "coverage", "run", "--source=livecov_benchmark_app", "server.py"]
    process = subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def requests_per_second(port: int, path: str, budget: float, clients: int = 2) -> float:
    """Throughput of a few clients with a connection each."""
    done = [0] * clients

    def work(number: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end = time.perf_counter() + budget
        while time.perf_counter() < end:
            connection.request("GET", path)
            response = connection.getresponse()
            response.read()
            assert response.status == 200
            done[number] += 1
        connection.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done) / budget


def measure_http(rounds: int, folder: Path) -> None:
    """Three servers take turns."""
    kinds = ("bare", "measured", "coverage run")
    rates: dict[tuple[str, str], list[float]] = {}
    with contextlib.ExitStack() as stack:
        ports = {kind: stack.enter_context(server(kind, folder)) for kind in kinds}
        for _ in range(rounds):
            for path in PATHS:
                for kind in kinds:
                    rates.setdefault((path, kind), []).append(requests_per_second(ports[kind], path, 0.5))
    print(f"Python {sys.version.split()[0]}, over HTTP, 2 clients")
    for path in PATHS:
        medians = {kind: statistics.median(rates[path, kind]) for kind in kinds}
        ratios = {
            kind: statistics.median(m / b for m, b in zip(rates[path, kind], rates[path, "bare"], strict=True))
            for kind in kinds[1:]
        }
        rates_and_ratios = (f"{kind} {medians[kind]:7.0f}/s ratio {ratios[kind]:.2f}" for kind in kinds[1:])
        print(f"  {path:9} bare {medians['bare']:7.0f}/s ", *rates_and_ratios, sep="  ")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--http", action="store_true", help="over HTTP instead of WSGI calls")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "livecov_benchmark_app.py").write_text(APPLICATION)
        (folder / "server.py").write_text(SERVER)
        sys.path.insert(0, name)
        os.chdir(name)
        if options.http:
            measure_http(options.rounds, folder)
        else:
            measure_wsgi(options.rounds)


if __name__ == "__main__":
    main()
