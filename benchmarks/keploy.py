"""Measures how long Keploy waits for the answer to an ``END``, and whether that grows with the run.

::

    python -m benchmarks.keploy                # the agent in the serving process
    python -m benchmarks.keploy --beside       # in a process of its own

Each test is ``START``, a request to a view of one line, ``END``. The time is from connecting for ``END`` to its
``ACK``; the document has been sent by then.
"""

from __future__ import annotations

import argparse
import socket
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

from .servers import QUIET, livecov

APPLICATION = "from flask import Flask\n\napp = Flask(__name__)\n\n@app.get('/')\ndef index():\n    return 'hello'\n"


@dataclass(frozen=True)
class Agent:
    """Keploy's side of the two sockets: commands go to ``control``, documents come to ``data``."""

    url: str
    control: Path
    data: socket.socket

    def run_test(self, number: int) -> float:
        """Run one test; the milliseconds from ``END`` to its ``ACK``."""
        self.command(f"START test-set-0/test-{number}\n")
        connection = HTTPConnection(self.url.removeprefix("http://"))
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
        began = time.perf_counter()
        self.command(f"END test-set-0/test-{number}\n")
        took = 1000 * (time.perf_counter() - began)
        with self.data.accept()[0] as document:
            assert b"app.py" in document.recv(65536)
        return took

    def command(self, line: str) -> None:
        """Send a command, and wait until it is acknowledged."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(self.control))
            connection.sendall(line.encode())
            assert connection.recv(4) == b"ACK\n"


@contextmanager
def agent(*, beside: bool) -> Iterator[Agent]:
    """An agent, in the server's process or ``beside`` it."""
    with tempfile.TemporaryDirectory(prefix="kp") as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "app.py").write_text(APPLICATION)
        control, data = folder / "c", folder / "d"
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(data))
        listener.listen()
        sockets = ("--control-socket", str(control), "--data-socket", str(data))
        own = () if beside else ("--keploy", *sockets)
        url = stack.enter_context(livecov(folder, "serve", *QUIET, *own)).address
        if beside:
            stack.enter_context(livecov(folder, "keploy", "--url", url, *sockets, ready="listens on "))
        yield Agent(url, control, listener)


def show(label: str, times: Sequence[float]) -> None:
    """Print the median, the slowest but 1 % and the slowest."""
    ordered = sorted(times)
    print(
        f"{label:16} median {statistics.median(ordered):6.2f} ms   99 % {ordered[int(len(ordered) * 0.99)]:6.2f} ms   "
        f"slowest {ordered[-1]:6.2f} ms"
    )


def main() -> None:
    """Run the tests, and print their times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--beside", action="store_true", help="the agent in a process of its own")
    parser.add_argument("--tests", type=int, default=2000, help="at least 10 (%(default)s)")
    options = parser.parse_args()
    with agent(beside=options.beside) as keploy:
        times = [keploy.run_test(number) for number in range(options.tests)]
    tenth = len(times) // 10
    show("all", times)
    show("the first tenth", times[:tenth])
    show("the last tenth", times[-tenth:])


if __name__ == "__main__":
    main()
