"""A process that calls a workload's WSGI application on command.

::

    python -m benchmarks.comparison.worker WORK CONTESTANT

It writes facts about itself as a line of JSON, and then answers each line on its standard input,
``{"threads": 4, "seconds": 0.3}`` or ``{"threads": 1, "requests": 1000}``, with
``{"requests": 4711, "failed": 0, "seconds": 0.3004}``. Requests that failed raised an exception; they are not among the
others.
"""

from __future__ import annotations

import json
import math
import sys
import threading
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from werkzeug.test import EnvironBuilder

from benchmarks.comparison.measured import Measured, load_named, quiet_output, request


@dataclass
class Client:
    """Makes requests in a thread of its own, whole rounds of the mix."""

    measured: Measured
    environs: list[dict[str, Any]]
    start: threading.Barrier
    seconds: float
    limit: float
    requests: int = 0
    failed: int = 0
    began: float = 0.0
    ended: float = 0.0

    def run(self) -> None:
        self.start.wait()
        self.began = perf_counter()
        end = self.began + self.seconds
        while self.requests + self.failed < self.limit and perf_counter() < end:
            self._round()
        self.ended = perf_counter()

    def _round(self) -> None:
        wsgi = self.measured.wsgi
        for environ in self.environs:
            try:
                request(wsgi, environ.copy())
            except Exception:
                self.failed += 1
            else:
                self.requests += 1


def timed(
    measured: Measured, *, threads: int = 1, seconds: float = math.inf, requests: float = math.inf
) -> dict[str, Any]:
    """The number of requests that ``threads`` made at once in ``seconds``, or the time for ``requests`` of each."""
    start = threading.Barrier(threads + 1)
    clients = [Client(measured, _environs(measured.paths), start, seconds, requests) for _ in range(threads)]
    running = [threading.Thread(target=client.run) for client in clients]
    for thread in running:
        thread.start()
    start.wait()
    for thread in running:
        thread.join()
    return {
        "requests": sum(client.requests for client in clients),
        "failed": sum(client.failed for client in clients),
        "seconds": round(max(client.ended for client in clients) - min(client.began for client in clients), 7),
    }


def _environs(paths: list[str]) -> list[dict[str, Any]]:
    return [EnvironBuilder(path).get_environ() for path in paths]


def main() -> None:
    """Answer commands until the standard input ends."""
    replies = quiet_output()
    workload, contestant = sys.argv[1:]
    measured = load_named(workload, contestant)
    print(json.dumps({"paths": measured.paths, "problem": measured.problem}), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(timed(measured, **json.loads(line))), file=replies, flush=True)


if __name__ == "__main__":
    main()
