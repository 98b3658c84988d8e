"""Runs random programs under an engine, in many threads, and counts the captures with wrong lines.

To run it by hand, with any number of requests::

    python -m tests.engines.exactness.harness --engine monitoring --requests 1000000
    python -m tests.engines.exactness.harness --engine monitoring --fault no-epoch-check    # must find wrong ones
"""

from __future__ import annotations

import argparse
import importlib.util
import random
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from flask_livecoverage.engines import Engine, choose_engine
from flask_livecoverage.sources.selection import Sources

from .programs import write_program

SWITCH_INTERVALS = (1e-6, 1e-4, 5e-3)


@dataclass(frozen=True)
class Request:
    """A call, and the lines that it runs when nothing else runs."""

    function: Callable[[int], int]
    argument: int
    expected: frozenset[int]

    def run(self) -> None:
        # Programs may raise exceptions, as views do.
        with suppress(ValueError, KeyError, StopIteration):
            self.function(self.argument)


# Large programs contain many shapes of code; in small ones threads often run the same few lines at once.
SIZES = ({"functions": 12, "depth": 3}, {"functions": 2, "depth": 1})


def load_program(path: Path, seed: int) -> ModuleType:
    path.write_text(write_program(seed, **SIZES[seed % len(SIZES)]))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def lines_alone(filename: str, call: Callable[[], object]) -> frozenset[int]:
    """Return the lines that ``sys.settrace`` reports for ``call``, run alone: the oracle."""
    lines: set[int] = set()

    def trace(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != filename:
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return frozenset(lines)


def make_requests(module: ModuleType, arguments: int = 24) -> list[Request]:
    filename = module.__file__
    assert filename is not None
    requests = []
    for name, function in vars(module).items():
        if name.startswith("request_"):
            for argument in range(arguments):
                call = Request(function, argument, frozenset())
                requests.append(Request(function, argument, lines_alone(filename, call.run)))
    return requests


def count_wrong(
    engine: Engine,
    requests: list[Request],
    *,
    count: int,
    threads: int = 6,
    switch_interval: float = 5e-3,
    seed: int = 0,
) -> int:
    """Run ``count`` requests in ``threads`` threads under ``engine`` (started) and count those with wrong lines."""
    filename = requests[0].function.__code__.co_filename
    wrong: deque[tuple[str, int, list[int]]] = deque()
    barrier = threading.Barrier(threads)

    def work(number: int) -> None:
        chance = random.Random(f"{seed}-{number}")
        # Each thread prefers a few requests, so that threads often run the same functions at once.
        favourites = chance.sample(requests, 8)
        barrier.wait()
        for _ in range(count // threads):
            request = chance.choice(favourites if chance.random() < 0.5 else requests)
            capture = engine.begin()
            request.run()
            hits = engine.end(capture)
            lines = hits.get(filename, frozenset())
            if lines != request.expected:
                wrong.append((request.function.__name__, request.argument, sorted(lines ^ request.expected)))

    workers = [threading.Thread(target=work, args=(number,)) for number in range(threads)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(switch_interval)
    try:
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
    finally:
        sys.setswitchinterval(interval)
    return len(wrong)


def faulty_engine(fault: str, sources: Sources) -> Engine:
    from flask_livecoverage.engines.monitoring import MonitoringEngine

    from .faults import FAULTS

    return MonitoringEngine(sources, FAULTS[fault])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["monitoring", "ctrace"], default="monitoring")
    parser.add_argument("--requests", type=int, default=60_000)
    parser.add_argument("--threads", type=int, default=6)
    parser.add_argument(
        "--fault", choices=["no-epoch-check", "two-step-rearm"], help="plant this fault in the monitoring engine"
    )
    options = parser.parse_args()
    wrong = total = 0
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        sources = Sources([folder])
        batch = min(10_000, options.requests)
        for number in range(-(-options.requests // batch)):
            requests = make_requests(load_program(Path(folder) / f"program_{number}.py", seed=number))
            engine = (
                faulty_engine(options.fault, sources) if options.fault else choose_engine(sources, options.engine)[0]
            )
            engine.start()
            try:
                interval = SWITCH_INTERVALS[number // 2 % len(SWITCH_INTERVALS)]
                wrong += count_wrong(
                    engine, requests, count=batch, threads=options.threads, switch_interval=interval, seed=number
                )
            finally:
                engine.stop()
            total += batch
    name = f"{options.engine} with {options.fault}" if options.fault else options.engine
    print(
        f"Python {sys.version.split()[0]} {name}: {wrong} wrong of {total} requests, {options.threads} threads, "
        f"{time.perf_counter() - began:.0f} s"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
