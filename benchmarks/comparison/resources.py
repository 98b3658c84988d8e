"""Measures the costs of a process besides throughput: start-up, each request, memory, disk, and the store's time."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

import psutil

from .contestants import CONTESTANTS, Contestant
from .figures import Ratio, spread
from .processes import Interpreter, ProcessFailed, Subprocess, answer_of, started
from .tables import Table
from .turns import compare_to_bare, extra_time, microseconds, require_measuring, take_turns

Report = Callable[[str], None]

MIB = 1 << 20


@dataclass(frozen=True)
class Sizes:
    """The extent of the measurement."""

    contestants: tuple[str, ...] = tuple(CONTESTANTS)
    workloads: tuple[str, ...] = ("trivial", "large")
    start_rounds: int = 5
    cost_rounds: int = 11
    seconds: float = 0.2
    requests: int = 500
    ingested: int = 100_000
    ingest_rounds: int = 3


QUICK = Sizes(
    contestants=("bare", "livecov"),
    workloads=("trivial",),
    start_rounds=1,
    cost_rounds=1,
    seconds=0.02,
    requests=20,
    ingested=400,
    ingest_rounds=1,
)


def measure_resources(interpreter: Interpreter, sizes: Sizes, report: Report) -> dict[str, Any]:
    """All of it; a contestant whose process fails is named in ``errors``, and left out of what follows."""
    present = [CONTESTANTS[name] for name in sizes.contestants if interpreter.has(CONTESTANTS[name])]
    memory, errors = measure_memory(interpreter, present, sizes, report)
    if "bare" in errors:
        raise ProcessFailed(errors["bare"])
    able = [contestant for contestant in present if contestant.name not in errors]
    report("resources: start-up")
    start_up = measure_start_up(interpreter, able, sizes)
    report("resources: a request")
    request = measure_request(interpreter, able, sizes)
    report("resources: disk")
    disk = measure_disk(interpreter, sizes)
    report("resources: the store")
    ingest = measure_ingest(interpreter, sizes)
    return {
        "requests": sizes.requests,
        "errors": errors,
        "memory": memory,
        "start_up": start_up,
        "request": request,
        "disk": disk,
        "ingest": ingest,
    }


def measure_memory(
    interpreter: Interpreter, contestants: Sequence[Contestant], sizes: Sizes, report: Report
) -> tuple[dict[str, Any], dict[str, str]]:
    """The MiB of each contestant's process after as many requests, by workload; and what went wrong."""
    found: dict[str, Any] = {workload: {} for workload in sizes.workloads}
    errors = {}
    for contestant in contestants:
        report(f"resources: memory, {contestant.name}")
        try:
            for workload in sizes.workloads:
                found[workload][contestant.name] = memory_used(interpreter, workload, contestant, sizes.requests)
        except ProcessFailed as error:
            errors[contestant.name] = str(error)
    return found, errors


def memory_used(interpreter: Interpreter, workload: str, contestant: Contestant, requests: int) -> float:
    """MiB, with the process's part of shared memory where the system reports it. Raises ProcessFailed."""
    with started(*interpreter.command("worker", workload, contestant)) as child:
        require_measuring(child)
        child.ask(threads=1, requests=requests)
        memory = psutil.Process(child.process.pid).memory_full_info()
        return float(getattr(memory, "pss", memory.rss)) / MIB


def measure_start_up(interpreter: Interpreter, contestants: Sequence[Contestant], sizes: Sizes) -> dict[str, Any]:
    """The seconds until the first request is answered, and how many more than the bare application's, by workload."""
    found = {}
    for workload in sizes.workloads:
        turns = {
            contestant.name: partial(seconds_to_answer, interpreter, workload, contestant) for contestant in contestants
        }
        # Python compiles what it imports for the first time.
        take_turns(turns, 1)
        rounds = take_turns(turns, sizes.start_rounds)
        found[workload] = {
            name: {
                "seconds": _spread(spread(seconds)),
                "more": _spread(extra_time(rounds["bare"], seconds)),
                "rounds": seconds,
            }
            for name, seconds in rounds.items()
        }
    return found


def seconds_to_answer(interpreter: Interpreter, workload: str, contestant: Contestant) -> float:
    """From the start of a process to its first answer."""
    command = interpreter.command("first_request", workload, contestant)
    began = monotonic()
    with started(*command) as child:
        answered: float = child.facts["answered_at"]
    return answered - began


def measure_request(interpreter: Interpreter, contestants: Sequence[Contestant], sizes: Sizes) -> dict[str, Any]:
    """The cost of a request to a view of one line at the WSGI callable, compared with the bare application."""
    with ExitStack() as stack:
        children = {
            contestant.name: stack.enter_context(started(*interpreter.command("worker", "trivial", contestant)))
            for contestant in contestants
        }
        for child in children.values():
            require_measuring(child)
        turns = {name: partial(time_of_request, child, sizes.seconds) for name, child in children.items()}
        take_turns(turns, 1)
        rounds = take_turns(turns, sizes.cost_rounds)
    return {name: compare_to_bare(rounds["bare"], times) for name, times in rounds.items()}


def time_of_request(child: Subprocess, seconds: float) -> float:
    """Microseconds."""
    return microseconds(child.ask(threads=1, seconds=seconds))


def measure_disk(interpreter: Interpreter, sizes: Sizes) -> dict[str, float]:
    """The bytes in the journal of a request whose trace is known, and of one that leaves a new one with its trace.

    In the application of 2,000 functions, of which a request runs some twenty in five files.
    """
    with started(*interpreter.command("growing", "large", CONTESTANTS["livecov"])) as child:
        require_measuring(child)
        # Beyond the numbers that the workload's own mix has, each leaves a trace of its own. All are asked for twice.
        paths = [f"/item/{number}" for number in range(100, 100 + sizes.requests)]
        for _ in range(2):
            child.ask(threads=1, requests=1, paths=paths)
        written = [line for file in child.folder.rglob("journal-*") for line in file.read_bytes().splitlines(True)]
    return bytes_of_requests(written, set(paths))


def bytes_of_requests(lines: Sequence[bytes], paths: Container[str]) -> dict[str, float]:
    """The bytes of the requests for these paths, and of those together with the traces that no other had left."""
    objects = [(len(line), json.loads(line)) for line in lines]
    traces = {line["id"]: size for size, line in objects if line["type"] == "trace"}
    requests = [(size, line) for size, line in objects if line["type"] == "request"]
    asked = [(size, line["trace"]) for size, line in requests if line["path"] in paths]
    known = statistics.mean(size for size, _ in asked)
    others = {line["trace"] for _, line in requests if line["path"] not in paths}
    left = {trace for _, trace in asked} - others
    return {"known": known, "new": known + statistics.mean(traces[trace] for trace in left), "traces": len(left)}


def measure_ingest(interpreter: Interpreter, sizes: Sizes) -> dict[str, Any]:
    """The requests that the store takes in per second, and the bytes of each in it."""
    command = {"requests": sizes.ingested, "traces": min(1000, sizes.ingested), "rounds": sizes.ingest_rounds}
    answer = answer_of(interpreter.path, "ingesting", [], command, seconds=600)
    rates = [answer["requests"] / seconds for seconds in answer["seconds"]]
    return {**command, "rate": _spread(spread(rates)), "rounds": rates, "bytes": answer["bytes"] / answer["requests"]}


def _spread(figures: Ratio) -> list[float]:
    return [figures.median, figures.low, figures.high]


def tables(data: Mapping[str, Any]) -> Iterator[Table]:
    """The costs of a process under each contestant, and the size of this project's files."""
    workloads = list(data["start_up"])
    headers = ["", "µs for a request"]
    headers += [f"{what}, {workload}" for what in ("start-up, s", "memory, MiB") for workload in workloads]
    rows = [[CONTESTANTS[name].title, *_cells(data, workloads, name)] for name in data["request"]]
    notes = [NOTE.format(**data)] + [f"{CONTESTANTS[name].title}: {error}." for name, error in data["errors"].items()]
    yield Table("Start-up, a request, memory", headers, rows, notes)
    disk, ingest = data["disk"], data["ingest"]
    rows = [
        ["bytes of a request in the journal, of a known trace", f"{disk['known']:.0f}"],
        ["bytes of a request in the journal, of a new trace", f"{disk['new']:.0f}"],
        ["bytes of a request in the store", f"{ingest['bytes']:.0f}"],
        ["requests that the store takes in, per second", "{:,.0f} ({:,.0f} to {:,.0f})".format(*ingest["rate"])],
    ]
    yield Table("Flask-LiveCoverage on disk", ["", ""], rows, [DISK_NOTE.format(**ingest)])


NOTE = (
    "The first row is what the bare application needs, the others what comes on top of it in the same round: medians, "
    "with the quartiles in brackets. A request is one to a view of one line, at the WSGI callable; start-up lasts "
    "until the first request is answered there; memory is that of the process after {requests:,} requests."
)
DISK_NOTE = (
    "Journals are of the application of 2,000 functions, of which a request runs some twenty in five files. The "
    "store, SQLite, takes in {requests:,} requests that left {traces:,} distinct traces of some 600 lines in 8 files."
)


def _cells(data: Mapping[str, Any], workloads: Sequence[str], name: str) -> Iterator[str]:
    request = data["request"][name]
    if name == "bare":
        yield f"{request['bare_us']:.1f}"
    else:
        yield "{:+.1f} ({:.1f} to {:.1f})".format(request["us"], *request["us_quartiles"])
    for workload in workloads:
        found = data["start_up"][workload][name]
        yield ("{:.2f}" if name == "bare" else "{:+.2f} ({:.2f} to {:.2f})").format(
            *found["seconds" if name == "bare" else "more"]
        )
    for workload in workloads:
        memory = data["memory"][workload]
        yield f"{memory['bare']:.0f}" if name == "bare" else f"{memory[name] - memory['bare']:+.1f}"
