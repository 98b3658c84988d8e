"""Clients of a server that is about to be killed, with their requests and the responses that they received."""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any

from .application import KINDS, body_of

CLIENTS = 4
GUARD_SECONDS = 60


@dataclass
class Exchange:
    """A request to the application, and the received part of its response."""

    kind: str
    path: str
    test: str | None
    sent: float
    id: str | None = None
    received: float | None = None

    @property
    def whole(self) -> bool:
        """Whether the client has received the complete response."""
        return self.received is not None


@dataclass
class WindowEvent:
    """The opening of a window, or a closing (no name); ``answered`` is None if the server was killed meanwhile."""

    name: str | None
    sent: float
    answered: float | None = None


@dataclass
class Seen:
    """All requests and responses of the clients of one run, over all its processes."""

    exchanges: list[Exchange] = field(default_factory=list)
    windows: list[WindowEvent] = field(default_factory=list)
    # The requests' ids in each dump with a reset.
    dumps: list[list[str]] = field(default_factory=list)
    # Whether there was another reset than those of the dumps that were received completely.
    other_reset: bool = False
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def next_number(self) -> int:
        return next(self._numbers)

    def tests_of(self, exchange: Exchange) -> set[str | None]:
        """Return the tests that a request can belong to: its own, or that of a window that may have been open."""
        if exchange.test is not None:
            return {exchange.test}
        until = exchange.received or float("inf")
        states: list[set[str | None]] = [{None}]
        for event in self.windows:
            states.append({event.name} if event.answered else {*states[-1], event.name})
        begins = [float("-inf"), *(event.sent for event in self.windows)]
        ends = [*(event.answered or float("inf") for event in self.windows), float("inf")]
        possible: set[str | None] = set()
        for state, begin, end in zip(states, begins, ends, strict=True):
            if begin <= until and end >= exchange.sent:
                possible |= state
        return possible


class Load:
    """Clients that send all kinds of requests at once, until the server is killed."""

    def __init__(
        self, port: int, seen: Seen, seed: int, *, enough: int, clients: int = CLIENTS, control: bool = True
    ) -> None:
        self._port = port
        self._seen = seen
        self._enough = enough
        self._counts = itertools.count(1)
        self._reached = threading.Event()
        self._killed = False
        self._failures: list[BaseException] = []
        work = [self._drive] * clients + [self._control] * control
        self._threads = [
            threading.Thread(target=self._work, args=(function, random.Random(f"{seed}-{number}")))
            for number, function in enumerate(work)
        ]
        if not enough:
            self._reached.set()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def wait(self) -> None:
        """Wait until enough responses were received."""
        assert self._reached.wait(GUARD_SECONDS), "the server does not answer"
        assert not self._failures, self._failures

    def more(self, count: int) -> None:
        """Require this number of further responses from now on."""
        self._reached.clear()
        self._enough = next(self._counts) + count

    def killed(self) -> None:
        """Note that the server is about to be killed: from now on, requests may fail."""
        self._killed = True

    def join(self) -> None:
        """Wait for the clients to notice."""
        for thread in self._threads:
            thread.join()
        assert not self._failures, self._failures

    def _work(self, function: Any, chance: random.Random) -> None:
        try:
            while not self._failures:
                function(chance)
        except (OSError, HTTPException) as error:
            if not self._killed:
                self._failures.append(error)
        except BaseException as error:
            self._failures.append(error)
        finally:
            if self._failures:
                self._reached.set()

    def _drive(self, chance: random.Random) -> None:
        self.ask(chance.choice(list(KINDS)), chance.choice([None, "alpha", "beta"]))

    def ask(self, kind: str, test: str | None) -> None:
        number = self._seen.next_number()
        exchange = Exchange(kind, f"/{kind}/{number}", test, time.time())
        self._seen.exchanges.append(exchange)
        headers = {} if test is None else {"Livecov-Test": test}
        connection = HTTPConnection("127.0.0.1", self._port, timeout=GUARD_SECONDS)
        try:
            connection.request(KINDS[kind].method, exchange.path, KINDS[kind].sent, headers)
            response = connection.getresponse()
            exchange.id = response.headers["Livecov-Request"]
            body = response.read()
        finally:
            connection.close()
        expected = body_of(kind, number)
        assert (response.status, body) == (KINDS[kind].status, body if expected is None else expected)
        exchange.received = time.time()
        if next(self._counts) >= self._enough:
            self._reached.set()

    def _control(self, chance: random.Random) -> None:
        if not any(exchange.whole for exchange in self._seen.exchanges):
            self.ask("plain", None)  # a report needs at least one request
        step = chance.choice([self._window, self._window, self._dump, self._look, self._reset])
        step(chance)

    def _window(self, chance: random.Random) -> None:
        self._event(f"window {self._seen.next_number()}", "/__coverage__/start?name=")
        for _ in range(chance.randrange(4)):
            self.ask(chance.choice(list(KINDS)), None)
        if chance.random() < 0.8:
            self._event(None, "/__coverage__/stop")
            self.ask("plain", None)

    def _event(self, name: str | None, route: str) -> None:
        event = WindowEvent(name, time.time())
        self._seen.windows.append(event)
        self._get(route + (name or "").replace(" ", "+"))
        event.answered = time.time()

    def _dump(self, chance: random.Random) -> None:
        if chance.random() < 0.5:
            self._get("/__coverage__/dump")
            return
        before, self._seen.other_reset = self._seen.other_reset, True
        body = self._get("/__coverage__/dump?reset=1", "POST")
        self._seen.dumps.append([request["id"] for request in json.loads(body)["requests"]])
        self._seen.other_reset = before

    def _look(self, chance: random.Random) -> None:
        route = chance.choice(["status", "requests?limit=5", "dump?format=lcov", "dump?format=dedup"])
        self._get(f"/__coverage__/{route}")

    def _reset(self, chance: random.Random) -> None:
        if chance.random() < 0.2:
            self._seen.other_reset = True
            self._get("/__coverage__/reset", "POST")

    def _get(self, route: str, method: str = "GET") -> bytes:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=GUARD_SECONDS)
        try:
            connection.request(method, route)
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200, (route, body)
            return body
        finally:
            connection.close()
