"""Measures throughput: all contestants' processes are alive at once, and take turns in each round.

So changes of the machine's speed affect all alike; the result is the ratio to the bare application in the same round.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from typing import Any

from .contestants import Contestant
from .processes import Interpreter, ProcessFailed, Subprocess, started
from .workloads import Workload
from .wrk import run_wrk, script


@dataclass(frozen=True)
class Level:
    """The place where requests are made, the WSGI callable or a server, and the number of clients."""

    name: str
    title: str
    server: str | None
    clients: int


LEVELS = {
    level.name: level
    for level in (
        Level("wsgi-1", "WSGI callable, one thread", None, 1),
        Level("wsgi-4", "WSGI callable, four threads", None, 4),
        Level("werkzeug-1", "HTTP, Werkzeug threaded, one client", "werkzeug", 1),
        Level("werkzeug-4", "HTTP, Werkzeug threaded, four clients", "werkzeug", 4),
        Level("gunicorn-1", "HTTP, gunicorn gthread, one client", "gunicorn", 1),
        Level("gunicorn-4", "HTTP, gunicorn gthread, four clients", "gunicorn", 4),
    )
}

# A slow contestant gets the time for REQUESTS_WANTED requests in a round, but no more than MAX_ROUND_SECONDS seconds.
REQUESTS_WANTED = 8
MAX_ROUND_SECONDS = 1.5


@dataclass(frozen=True)
class Plan:
    """The extent of the measurement. Other tools take part in some of the rounds."""

    rounds: int = 21
    rival_rounds: int = 3
    seconds: float = 0.2
    seed: int = 1

    def takes_part(self, contestant: Contestant, number: int) -> bool:
        """True if a contestant is measured in the round of this number, from 0."""
        if not contestant.rival or self.rival_rounds >= self.rounds:
            return True
        step = self.rounds / self.rival_rounds
        return number in {round(index * step) for index in range(self.rival_rounds)}


Requests = Callable[[int, float], dict[str, Any]]


@dataclass
class Entrant:
    """A contestant whose process is alive, and the results of its rounds."""

    contestant: Contestant
    requests: Requests | None = None
    error: str | None = None
    seconds: float = 0.0
    rounds: list[dict[str, Any]] = field(default_factory=list)

    def warm_up(self, clients: int, seconds: float) -> None:
        """Make requests that are not counted, and set how long a round must be."""
        result = self._ask(clients, seconds)
        made = result["requests"] + result["failed"] if result else 0
        needed = result["seconds"] * REQUESTS_WANTED / made if result and made else MAX_ROUND_SECONDS
        self.seconds = max(seconds, min(needed, MAX_ROUND_SECONDS))

    def play(self, number: int, clients: int) -> None:
        """Take part in a round."""
        result = self._ask(clients, self.seconds)
        if result:
            self.rounds.append({"round": number, **result})

    def _ask(self, clients: int, seconds: float) -> dict[str, Any] | None:
        if self.error is not None or self.requests is None:
            return None
        try:
            return self.requests(clients, seconds)
        except ProcessFailed as error:
            self.error = str(error)
            return None


def measure(
    interpreter: Interpreter,
    workloads: Sequence[Workload],
    levels: Sequence[Level],
    contestants: Sequence[Contestant],
    plan: Plan,
    progress: Callable[[str], None],
) -> list[dict[str, Any]]:
    """The cells of all tables: for each workload, level and contestant the rounds, or the error that prevented them."""
    cells = []
    rng = random.Random(plan.seed)
    present = [contestant for contestant in contestants if interpreter.has(contestant)]
    for workload in workloads:
        for server, group in groupby(levels, lambda level: level.server):
            with entrants_of(interpreter, workload, server, present) as entrants:
                for level in group:
                    progress(f"{interpreter.name}: {workload.name}, {level.title}")
                    play_level(entrants, level, plan, rng)
                    cells += [_cell(workload, level, entrant) for entrant in entrants]
    return cells


def play_level(entrants: Sequence[Entrant], level: Level, plan: Plan, rng: random.Random) -> None:
    """Run all rounds. In each, the entrants take turns in a different order."""
    for entrant in entrants:
        entrant.rounds = []
        entrant.warm_up(level.clients, plan.seconds)
    for number in range(plan.rounds):
        for entrant in rng.sample(entrants, len(entrants)):
            if plan.takes_part(entrant.contestant, number):
                entrant.play(number, level.clients)


@contextmanager
def entrants_of(
    interpreter: Interpreter, workload: Workload, server: str | None, contestants: Sequence[Contestant]
) -> Iterator[list[Entrant]]:
    """Start a process for each contestant, all at once, and keep them alive."""
    module, arguments = ("worker", ()) if server is None else ("server", (server,))
    with ExitStack() as stack:
        children = [
            stack.enter_context(started(*interpreter.command(module, workload.name, contestant, *arguments)))
            for contestant in contestants
        ]
        # End all of them first, before waiting for each.
        stack.callback(_terminate, children)
        yield [
            stack.enter_context(_entrant(contestant, child, server))
            for contestant, child in zip(contestants, children, strict=True)
        ]


def _terminate(children: Sequence[Subprocess]) -> None:
    for child in children:
        child.process.terminate()


@contextmanager
def _entrant(contestant: Contestant, child: Subprocess, server: str | None) -> Iterator[Entrant]:
    """The contestant of a process, with the error if the process does not become ready."""
    try:
        facts = child.facts
    except ProcessFailed as error:
        yield Entrant(contestant, error=str(error))
        return
    if server is None:
        yield Entrant(contestant, partial(_ask_worker, child), facts["problem"])
    else:
        with script(facts["paths"]) as mix:
            yield Entrant(contestant, partial(run_wrk, facts["port"], mix), facts["problem"])


def _ask_worker(child: Subprocess, clients: int, seconds: float) -> dict[str, Any]:
    return child.ask(threads=clients, seconds=seconds)


def _cell(workload: Workload, level: Level, entrant: Entrant) -> dict[str, Any]:
    return {
        "work": workload.name,
        "level": level.name,
        "contestant": entrant.contestant.name,
        "error": entrant.error,
        "rounds": entrant.rounds,
    }
