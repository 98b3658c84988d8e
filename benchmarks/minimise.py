"""Measures how long it takes to find the duplicates of a large suite, and the smallest part that keeps its lines.

::

    python -m benchmarks.minimise
    python -m benchmarks.minimise --members 10000 --line-sets 10000 --lines 50000

The suite is generated, the same for the same sizes. Each set of lines is that of a test which requests a few routes,
and in each takes some branches, common ones or rare ones. Routes and sets are chosen unevenly, as traffic does. With
``--shape random``, sets are of any blocks of lines: the worst case for a proof.
"""

from __future__ import annotations

import argparse
import platform
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from tabulate import tabulate

from flask_livecoverage.analysis.duplicates import find_redundancy
from flask_livecoverage.analysis.minimise import minimise
from flask_livecoverage.analysis.suite import Suite
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import ExecutionTotals, FileLines, Trace

T = TypeVar("T")

LINES_PER_FILE = 500
LINES_PER_BLOCK = 10
BLOCKS_PER_ROUTE = 20


def make_suite(members: int, line_sets: int, lines: int, shape: str) -> Suite:
    """A suite of ``members`` tests with ``line_sets`` different sets of ``lines`` lines."""
    chance = random.Random(f"{members} {line_sets} {lines} {shape}")
    traces = {trace.id: trace for trace in make_traces(chance, line_sets, lines, shape)}
    ids = list(traces)
    # The first of each, then by the square: some sets are executed far more often than others.
    chosen = (ids[i] if i < len(ids) else ids[int(len(ids) * chance.random() ** 2)] for i in range(members))
    executed = [
        ExecutionTotals(f"test-{i}", 1, round(chance.lognormvariate(3, 1), 3), [trace])
        for i, trace in enumerate(chosen)
    ]
    return Suite.of(executed, traces)


def make_traces(chance: random.Random, line_sets: int, lines: int, shape: str) -> list[Trace]:
    """Different traces of an application, in blocks of lines."""
    blocks = range(max(lines // LINES_PER_BLOCK, 1))
    make = requests_of_routes(chance, blocks) if shape == "routes" else any_blocks(chance, blocks)
    found: dict[frozenset[int], None] = {}
    for part in make:
        found[part] = None
        if len(found) == line_sets:
            break
    return [make_trace(part) for part in found]


def requests_of_routes(chance: random.Random, blocks: range) -> Iterator[frozenset[int]]:
    """Tests that request one to four routes. Each has blocks that always run, and branches: common, rare, very rare."""
    common = blocks[: min(len(blocks) // 20, 100)]
    routes = [blocks[i : i + BLOCKS_PER_ROUTE] for i in range(len(common), len(blocks), BLOCKS_PER_ROUTE)] or [blocks]
    likely = {block: 1.0 if chance.random() < 0.3 else chance.random() ** 3 for block in blocks}
    while True:
        wanted = [routes[int(len(routes) * chance.random() ** 2)] for _ in range(chance.randint(1, 4))]
        yield frozenset(common) | {block for route in wanted for block in route if chance.random() < likely[block]}


def any_blocks(chance: random.Random, blocks: range) -> Iterator[frozenset[int]]:
    """Blocks without any structure: unlike those of any application, and the hardest case for a proof."""
    while True:
        yield frozenset(chance.choices(blocks, k=chance.randint(1, max(len(blocks) // 20, 2))))


def make_trace(blocks: frozenset[int]) -> Trace:
    """A trace of whole blocks of lines, over files of equal length."""
    numbers: dict[str, list[int]] = {}
    for block in blocks:
        for line in range(block * LINES_PER_BLOCK, (block + 1) * LINES_PER_BLOCK):
            numbers.setdefault(f"/app/module_{line // LINES_PER_FILE}.py", []).append(line % LINES_PER_FILE + 1)
    return Trace.of({path: FileLines("c", to_bitmap(lines)) for path, lines in numbers.items()})


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """The result of ``work``, and the seconds that it took."""
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def measure(options: argparse.Namespace) -> list[list[object]]:
    """Rows of a step, its result, and the seconds that it took."""
    suite, seconds = timed(lambda: make_suite(options.members, options.line_sets, options.lines, options.shape))
    rows: list[list[object]] = [["make the suite", f"{suite.all_lines.bit_count()} lines executed", seconds]]
    found, seconds = timed(lambda: find_redundancy(suite))
    removable = f"{len(found.duplicates)} duplicates, {len(found.subsumed)} subsumed"
    rows.append(["duplicates", removable, seconds])
    for least in ("tests", "duration"):
        for exact in (False,) if options.no_exact else (False, True):
            result, seconds = timed(partial(minimise, suite, least, exact=exact, time_limit=options.time_limit))
            outcome = f"{len(result.choices)} tests, {result.duration_ms / 1000:.2f} s"
            if result.proof is not None:
                outcome += ", optimal" if result.proof.optimal else f", gap {result.proof.gap:.1%}"
            rows.append([f"{'exact' if exact else 'greedy'}, least {least}", outcome, seconds])
    return rows


def main(arguments: list[str] | None = None) -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--members", type=int, default=1_000_000, help="tests in the suite (%(default)s)")
    parser.add_argument("--line-sets", type=int, default=1_000, help="different sets of lines (%(default)s)")
    parser.add_argument("--lines", type=int, default=20_000, help="lines of the application (%(default)s)")
    parser.add_argument("--time-limit", type=float, default=60.0, help="seconds for the exact search (%(default)s)")
    parser.add_argument("--shape", choices=("routes", "random"), default="routes", help="of the sets (%(default)s)")
    parser.add_argument("--no-exact", action="store_true", help="leave the exact search out")
    options = parser.parse_args(arguments)
    if not 0 < options.line_sets <= options.members:
        parser.error("--line-sets must be from 1 to --members")
    rows = measure(options)
    print(
        f"{options.members} tests, {options.line_sets} sets of lines, {options.lines} lines; "
        f"{platform.python_implementation()} {platform.python_version()}\n"
    )
    print(tabulate(rows, headers=["", "found", "seconds"], floatfmt=".2f"))


if __name__ == "__main__":
    sys.exit(main())
