"""The load: clients at random, and an operator who opens and closes windows and takes dumps."""

from __future__ import annotations

import json
import random
import threading
import time
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from http.client import HTTPConnection

import psutil

from .kinds import KINDS, body_of, path_of, status_of

WINDOW_SECONDS = 1.0


@dataclass(frozen=True)
class Answered:
    """A request whose response a client received whole. Times are UNIX seconds."""

    id: str
    kind: str
    path: str
    test: str | None
    sent: float
    received: float


@dataclass
class Load:
    """Everything that the clients and the operator did, until the deadline."""

    url: str
    deadline: float
    answered: list[Answered] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    # When a window could be open at the earliest, ascending, and its name; None closes it.
    windows: list[tuple[float, str | None]] = field(default_factory=list)
    dumped: Counter[str] = field(default_factory=Counter)
    dumps: int = 0
    memory: list[int] = field(default_factory=list)

    def run(self, clients: int, server: psutil.Process) -> None:
        """Run a number of clients and the operator until the deadline, then take the last dump."""
        threads = [threading.Thread(target=self._drive, args=(number,)) for number in range(clients)]
        threads.append(threading.Thread(target=self._operate, args=(server,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._dump()

    def _drive(self, client: int) -> None:
        """One client. No two of them use the same number."""
        chance = random.Random(client)
        for number in range(client, 1 << 40, 100):
            if time.time() > self.deadline:
                return
            kind = chance.choice(KINDS)
            self._request(kind, number, f"{kind} by {client}" if chance.random() < 0.5 else None)

    def _request(self, kind: str, number: int, test: str | None) -> None:
        path = path_of(kind, number)
        sent = time.time()
        posted = ("POST", b"posted") if kind == "echo" else ()
        status, body, request_id = ask(self.url, path, *posted, test=test)
        if status != status_of(kind) or body_of(kind, path) not in (None, body):
            self.faults.append(f"{path} answered {status} {body[:80]!r}")
        self.answered.append(Answered(request_id, kind, path, test, sent, time.time()))

    def _operate(self, server: psutil.Process) -> None:
        """Windows of a second; two of three are closed, and the others end when the next one opens."""
        number = 0
        while time.time() < self.deadline:
            number += 1
            name = f"window {number}"
            self.windows.append((time.time(), name))
            ask(self.url, f"/__coverage__/start?name=window%20{number}")
            time.sleep(max(0.0, min(WINDOW_SECONDS, self.deadline - time.time())))
            if number % 3:
                self._close(name)
            if number % 20 == 0:
                self._dump()
            self.memory.append(server.memory_info().rss)

    def _close(self, name: str) -> None:
        status, body, _ = ask(self.url, "/__coverage__/stop")
        if status != 200 or json.loads(body)["name"] != name:
            self.faults.append(f"stop answered {status} {body[:200]!r}")
        self.windows.append((time.time(), None))

    def _dump(self) -> None:
        """Take a dump with a reset: each request must be in one dump."""
        status, body, _ = ask(self.url, "/__coverage__/dump?reset=1", "POST")
        if status != 200:
            self.faults.append(f"dump answered {status} {body[:200]!r}")
            return
        self.dumps += 1
        self.dumped.update(request["id"] for request in json.loads(body)["requests"])

    def tests_of(self, request: Answered) -> set[str | None]:
        """The tests that its record may name: its own, or the windows that may have been open when it began."""
        if request.test:
            return {request.test}
        first = max(0, bisect_right(self.windows, request.sent, key=lambda event: event[0]) - 2)
        last = bisect_right(self.windows, request.received, key=lambda event: event[0])
        return {None, *(name for _, name in self.windows[first:last])}


def ask(
    url: str, path: str, method: str = "GET", posted: bytes | None = None, *, test: str | None = None
) -> tuple[int, bytes, str]:
    """Make a request; the status, the body and the request's id."""
    connection = HTTPConnection(url.removeprefix("http://"), timeout=120)
    try:
        headers = {} if test is None else {"Livecov-Test": test}
        connection.request(method, path, posted, headers)
        response = connection.getresponse()
        return response.status, response.read(), response.headers.get("Livecov-Request", "")
    finally:
        connection.close()
