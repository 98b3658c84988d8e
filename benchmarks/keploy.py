"""How long Keploy waits for the answer to an ``END``, and whether that grows with the run.

::

    python benchmarks/keploy.py                # the agent in the serving process
    python benchmarks/keploy.py --beside       # in a process of its own

Each test is ``START``, a request to a view of one line, ``END``. The time is from connecting for ``END`` to its
``ACK``; the document has been sent by then.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path

APPLICATION = "from flask import Flask\n\napp = Flask(__name__)\n\n@app.get('/')\ndef index():\n    return 'hello'\n"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--beside", action="store_true")
    parser.add_argument("--tests", type=int, default=2000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kp") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "app.py").write_text(APPLICATION)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(folder / "d"))
        listener.listen()
        sockets = ["--control-socket", str(folder / "c"), "--data-socket", str(folder / "d")]
        serve = ["serve", "--port", "0", "--no-report", "--no-access-log"]
        serve += [] if options.beside else ["--keploy", *sockets]
        url = stack.enter_context(livecov(folder, serve, "Running on "))
        if options.beside:
            stack.enter_context(livecov(folder, ["keploy", "--url", url, *sockets], "listens on "))
        times = [one_test(number, url, folder, listener) for number in range(options.tests)]
    tenth = len(times) // 10
    for label, part in (("all", times), ("the first tenth", times[:tenth]), ("the last tenth", times[-tenth:])):
        ordered = sorted(part)
        print(
            f"{label:16} median {statistics.median(part):6.2f} ms   99 % {ordered[int(len(part) * 0.99)]:6.2f} ms   "
            f"slowest {ordered[-1]:6.2f} ms"
        )


@contextmanager
def livecov(folder: Path, arguments: list[str], marker: str) -> Iterator[str]:
    """A command of livecov; what follows ``marker`` on its standard error."""
    command = [sys.executable, "-m", "flask", "--app", "app", "livecov", *arguments]
    environ = {**os.environ, "LIVECOVERAGE_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        yield next(line for line in process.stderr if marker in line).rpartition(marker)[2].strip()
        process.terminate()


def one_test(number: int, url: str, folder: Path, listener: socket.socket) -> float:
    """Milliseconds from ``END`` to its ``ACK``."""
    command(folder, f"START test-set-0/test-{number}\n")
    connection = HTTPConnection(url.removeprefix("http://"))
    connection.request("GET", "/")
    connection.getresponse().read()
    connection.close()
    began = time.perf_counter()
    command(folder, f"END test-set-0/test-{number}\n")
    took = 1000 * (time.perf_counter() - began)
    with listener.accept()[0] as data:
        assert b"app.py" in data.recv(65536)
    return took


def command(folder: Path, line: str) -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(folder / "c"))
        connection.sendall(line.encode())
        assert connection.recv(4) == b"ACK\n"


if __name__ == "__main__":
    main()
