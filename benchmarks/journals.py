"""Writes generated runs: many requests over given traces, line by line as the recorder writes them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.format import fields_of, header_line, line_of, request_line
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Trace

NOW = 1_700_000_000


@dataclass(frozen=True)
class Traffic:
    """The size of a run: the numbers of requests, of journals (one for each process), of routes and of tests."""

    requests: int
    journals: int
    routes: int = 200
    tests: int = 1000
    root: str = "/srv"


def write_run(data_dir: Path, traces: Sequence[Trace], traffic: Traffic) -> RunFolder:
    """Write the journals of a run; the same for the same traces and traffic."""
    rng = random.Random(1)
    run = DataDir(data_dir).run("benchmark")
    run.path.mkdir(parents=True)
    for number in range(traffic.journals):
        token = f"{number:08x}"
        with (run.path / f"journal-{token}.jsonl").open("w") as journal:
            journal.writelines(f"{line}\n" for line in journal_lines(token, traces, traffic, rng))
    return run


def journal_lines(token: str, traces: Sequence[Trace], traffic: Traffic, rng: random.Random) -> Iterator[str]:
    """The lines of one process's journal."""
    yield header_line(
        {
            "pid": 1, "started_at": NOW, "root": traffic.root, "engine": "monitoring", "reason": "", "branch": False,
            "python": "3.13.0",
        }
    )  # fmt: skip
    yield line_of("rules", rules=[[rule_of(number), f"shop.item_{number}", ["GET"]] for number in range(300)])
    for trace in traces:
        yield line_of("trace", **fields_of(trace))
    for number in range(1, traffic.requests // traffic.journals + 1):
        # Some traces are frequent, most are rare.
        index = int(len(traces) * rng.random() ** 2)
        route = index % traffic.routes
        yield request_line(
            f"{token}-{number}", traces[index].id, "GET", rule_of(route), f"shop.item_{route}",
            f"/item/{route}/{rng.randrange(10**6)}", f"tests/test_shop.py::test_{index % traffic.tests}", 200,
            NOW * 10**9 + number * 10**6, rng.randrange(20_000),
        )  # fmt: skip


def rule_of(number: int) -> str:
    """The URL rule of the route of this number."""
    return f"/item/{number}/<int:id>"
