"""Measures the store: how fast it stores requests, their size on disk, and how fast it answers.

::

    python -m benchmarks.store [--requests 1000000] [--traces 1000] [--journals 4]

The journals are generated: requests over distinct traces, on paths that all differ. Seconds of CPU are those of this
process, whatever runs beside it.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tabulate import tabulate

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.store import RunQueries, open_store, store_url

from .journals import NOW, Traffic, write_run

FILES = [f"/srv/shop/module_{number}.py" for number in range(40)]


def make_traces(count: int, rng: random.Random) -> list[Trace]:
    """Distinct traces, of some 600 lines in 8 files each."""
    traces: dict[str, Trace] = {}
    while len(traces) < count:
        files = {
            path: FileLines("0123456789abcdef", rng.getrandbits(300) & rng.getrandbits(300))
            for path in rng.sample(FILES, 8)
        }
        trace = Trace.of(files)
        traces[trace.id] = trace
    return list(traces.values())


def make_run(data_dir: Path, requests: int, traces: int, journals: int) -> RunFolder:
    """Write the journals of a run."""
    return write_run(data_dir, make_traces(traces, random.Random(1)), Traffic(requests, journals, routes=50, tests=500))


def peak_memory() -> float:
    """The most memory that this process has used so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1 << 20 if sys.platform == "darwin" else 1 << 10)


def measure_ingest(run: RunFolder, url: str, file: Path) -> list[list[Any]]:
    """Rows of names and figures: the time, the disk and the memory that it takes to bring a run into the store."""
    memory, seconds, cpu = peak_memory(), time.perf_counter(), time.process_time()
    with open_store(url) as store:
        number = store.sync(run)
        seconds, cpu = time.perf_counter() - seconds, time.process_time() - cpu
        with store.recorded([number]) as queries:
            count = queries.requests.count()
    return [
        ["requests", f"{count:,}"],
        ["seconds", f"{seconds:.1f}"],
        ["requests a second", f"{count / seconds:,.0f}"],
        ["requests a second of CPU", f"{count / cpu:,.0f}"],
        ["bytes a request, on disk", f"{file.stat().st_size / count:.0f}"],
        ["MiB of memory more, at most", f"{peak_memory() - memory:.0f}"],
    ]


QUESTIONS: dict[str, Callable[[RunQueries], Any]] = {
    "requests, newest 50": lambda found: found.requests.newest(limit=50),
    "requests of a test, newest 50": lambda found: found.requests.newest(
        Filters(test="tests/test_shop.py::test_7"), 50
    ),
    "one request": lambda found: found.requests.get("00000000-77"),
    "who ran a line": lambda found: found.lines.ran(FILES[3], [17]),
    "tests": lambda found: list(found.groups.executed("test")),
    "routes": lambda found: list(found.groups.executed("route")),
    "all traces": lambda found: found.lines.traces(),
    "tests since a moment": lambda found: list(found.groups.executed("test", Filters(since=NOW + 1))),
}


def measure_questions(url: str, run: RunFolder, rounds: int) -> list[list[Any]]:
    """Rows of a question, and the milliseconds until its answer: the best and the median of all rounds."""
    rows = []
    with open_store(url) as store:
        number = store.sync(run)
        for name, ask in QUESTIONS.items():
            times = []
            for _ in range(rounds):
                with store.recorded([number]) as queries:
                    began = time.perf_counter()
                    ask(queries)
                    times.append(1000 * (time.perf_counter() - began))
            rows.append([name, f"{min(times):.1f}", f"{statistics.median(times):.1f}"])
    return rows


def main() -> None:
    """Measure, and print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=1_000_000)
    parser.add_argument("--traces", type=int, default=1000)
    parser.add_argument("--journals", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=9, help="how often each question is asked")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {options.traces:,} distinct traces in {options.journals} journals\n")
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder), options.requests, options.traces, options.journals)
        url = store_url(Path(folder), None)
        print(tabulate(measure_ingest(run, url, Path(folder) / "store.sqlite3"), disable_numparse=True))
        print()
        rows = measure_questions(url, run, options.rounds)
        headers = ("Question", "ms, best", "ms, median")
        print(tabulate(rows, headers, colalign=("left", "right", "right"), disable_numparse=True))


if __name__ == "__main__":
    main()
