"""Measures how the cost of a request grows with the application, the requests in flight and the distinct traces.

For each size, the bare application and this project take turns, and their times for a request are compared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .growing import GROWING
from .processes import Interpreter, Subprocess
from .tables import Table
from .turns import alive, compare_to_bare, microseconds, take_turns
from .workloads import LARGE_VARIABLE, WORKLOADS
from .workloads.generated import PACKAGE, write_application
from .workloads.growing import BITS

PAIR = ("bare", "livecov")
FUNCTIONS_PER_MODULE = 20
# Takes every other branch.
SOME_NUMBER = 0b10101010101010

Report = Callable[[str], None]
Found = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Sizes:
    """The extent of the measurement: the sizes, and the rounds for each."""

    rounds: int = 7
    seconds: float = 0.2
    functions: tuple[int, ...] = (200, 2_000, 20_000)
    in_flight: tuple[int, ...] = (1, 4, 16, 64)
    traces: tuple[int, ...] = (1, 100, 10_000)

    def __post_init__(self) -> None:
        if max(self.traces) > 1 << BITS:
            raise ValueError(f"the application has no more than {1 << BITS} traces")


QUICK = Sizes(rounds=1, seconds=0.02, functions=(200,), in_flight=(4,), traces=(20,))


def measure_growth(interpreter: Interpreter, sizes: Sizes, report: Report) -> dict[str, Any]:
    """The cost of a request, compared with the bare application, by each dimension and size."""
    found = {"functions": beside_functions(interpreter, sizes, report)}
    found["in_flight"], found["threads"] = beside_clients(interpreter, sizes, report)
    found["traces"], found["known_traces"] = beside_traces(interpreter, sizes, report)
    return found


def beside_functions(interpreter: Interpreter, sizes: Sizes, report: Report) -> Found:
    """By the functions that the application has; a request runs some twenty."""
    found = {}
    for count in sizes.functions:
        report(f"growth: {count:,} functions")
        with TemporaryDirectory() as name:
            folder = write_application(Path(name), count, count // FUNCTIONS_PER_MODULE)
            source = str(folder / PACKAGE)
            with alive(interpreter, "growing", WORKLOADS["large"], PAIR, source, **{LARGE_VARIABLE: name}) as children:
                found[str(count)] = in_turns(children, sizes, {"threads": 1})
    return found


def beside_clients(interpreter: Interpreter, sizes: Sizes, report: Report) -> tuple[Found, Found]:
    """By the open requests, of which all but one wait in a view, and by the threads that make requests at once."""
    held, running = {}, {}
    with alive(interpreter, "growing", GROWING, PAIR, GROWING.source()) as children:
        for count in sizes.in_flight:
            report(f"growth: {count} requests in flight")
            command = {"paths": paths_of([SOME_NUMBER])}
            held[str(count)] = in_turns(children, sizes, {**command, "threads": 1, "held": count - 1})
            running[str(count)] = in_turns(children, sizes, {**command, "threads": count})
    return held, running


def beside_traces(interpreter: Interpreter, sizes: Sizes, report: Report) -> tuple[Found, Found]:
    """By the distinct traces that as many requests leave: the first time, and when the same are made once more."""
    new, known = {}, {}
    for count in sizes.traces:
        report(f"growth: {count:,} distinct traces")
        with alive(interpreter, "growing", GROWING, PAIR, GROWING.source()) as children:
            new[str(count)] = once_each(children, count, sizes)
            known[str(count)] = once_each(children, count, sizes)
    return new, known


def once_each(children: Mapping[str, Subprocess], count: int, sizes: Sizes) -> dict[str, Any]:
    """Requests for a number of distinct traces, a part of them in each round."""
    total = max(sizes.traces)
    paths = paths_of([number % count for number in range(total)])
    parts = [paths[number :: sizes.rounds] for number in range(sizes.rounds)]

    def turns_of(child: Subprocess) -> Callable[[], float]:
        left = iter(parts)
        return lambda: microseconds(child.ask(paths=next(left), requests=1))

    times = take_turns({name: turns_of(child) for name, child in children.items()}, sizes.rounds)
    return compare_to_bare(*(times[name] for name in PAIR))


def in_turns(children: Mapping[str, Subprocess], sizes: Sizes, command: Mapping[str, Any]) -> dict[str, Any]:
    """The same command to each in each round, after one that does not count."""
    turns = {name: partial(time_of, child, {**command, "seconds": sizes.seconds}) for name, child in children.items()}
    take_turns(turns, 1)
    times = take_turns(turns, sizes.rounds)
    return compare_to_bare(*(times[name] for name in PAIR))


def time_of(child: Subprocess, command: Mapping[str, Any]) -> float:
    """The time of one request."""
    return microseconds(child.ask(**command))


def paths_of(numbers: Sequence[int]) -> list[str]:
    """The paths of the workload ``growing`` for these numbers."""
    return [f"/choose/{number}" for number in numbers]


TITLES = {
    "functions": "functions in the application",
    "in_flight": "open, one client measured",
    "threads": "threads at once",
    "traces": "distinct traces, new",
    "known_traces": "distinct traces, known",
}


def tables(data: Mapping[str, Any]) -> list[Table]:
    """A table for all that grows."""
    rows = [
        [f"{int(count):,} {TITLES[name]}", f"{found['bare_us']:.0f}", *_compared(found)]
        for name, counts in data.items()
        for count, found in counts.items()
    ]
    headers = ("", "bare, µs", "more, µs", "throughput beside bare")
    return [Table("How the cost of a request grows", headers, rows, [NOTE])]


NOTE = "At the WSGI callable; medians over the rounds, with the quartiles in brackets."


def _compared(found: Mapping[str, Any]) -> list[str]:
    low, high = found["us_quartiles"]
    first, third = found["quartiles"]
    return [f"{found['us']:.1f} ({low:.1f} to {high:.1f})", f"{found['ratio']:.2f} ({first:.2f} to {third:.2f})"]
