"""Counts the wrong records when requests overlap, for each contestant that keeps requests apart.

The same random requests are made one after the other, by four threads at once, and by four threads with a switch
interval a hundredth of the default. Each record is compared with the truth: the lines that ``sys.settrace`` reports for
the same request alone.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from .contestants import CONTESTANTS, Contestant
from .overlapping import BRANCHES, ORACLE, Records
from .processes import Interpreter, ProcessFailed, answer_of
from .tables import Table
from .workloads.branches import CHOICES, KINDS

SEED = 20260

Report = Callable[[str], None]


@dataclass(frozen=True)
class Situation:
    """A way in which requests overlap."""

    name: str
    threads: int
    switch_interval: float = 5e-3


SITUATIONS = (
    Situation("one after the other", 1),
    Situation("four at once", 4),
    Situation("four at once, switching often", 4, 5e-5),
)


@dataclass(frozen=True)
class Sizes:
    """The extent of the measurement, and the longest wait for a contestant."""

    requests: int = 1000
    seconds: float = 120
    situations: tuple[Situation, ...] = SITUATIONS


QUICK = Sizes(requests=40, situations=SITUATIONS[1:2])


def measure_overlap(
    interpreter: Interpreter, sizes: Sizes, report: Report, contestants: Collection[str] = tuple(CONTESTANTS)
) -> dict[str, Any]:
    """The numbers of right, wrong and missing records of each contestant."""
    paths = random_paths(sizes.requests)
    report("overlap: the oracle")
    truth = answer_of(interpreter.path, "overlapping", [ORACLE], {"paths": paths}, seconds=sizes.seconds)["records"]
    found = {}
    for name in contestants:
        contestant = CONTESTANTS[name]
        if contestant.per_request and interpreter.has(contestant):
            report(f"overlap: {name}")
            found[name] = {
                situation.name: _counted(interpreter, contestant, paths, truth, situation, sizes)
                for situation in sizes.situations
            }
    return {"requests": len(paths), "traces": _distinct(truth), "seed": SEED, "contestants": found}


def random_paths(count: int) -> list[str]:
    """``count`` random requests, each to a different path."""
    chance = random.Random(SEED)
    return [f"/{chance.choice(KINDS)}/{chance.randrange(CHOICES)}/{serial}" for serial in range(1, count + 1)]


def _counted(
    interpreter: Interpreter,
    contestant: Contestant,
    paths: list[str],
    truth: Records,
    situation: Situation,
    sizes: Sizes,
) -> dict[str, Any]:
    command = {"paths": paths, "threads": situation.threads, "switch_interval": situation.switch_interval}
    source = BRANCHES.source()
    try:
        answer = answer_of(
            interpreter.path,
            "overlapping",
            [contestant.name],
            command,
            contestant,
            source=source,
            seconds=sizes.seconds,
        )
    except ProcessFailed as error:
        return {"error": str(error)}
    return {"problem": answer["problem"], **compare(truth, answer["records"], answer["failures"])}


def compare(truth: Records, records: Records, failures: Mapping[str, str]) -> dict[str, Any]:
    """Each request counted once: it failed, has no record, a wrong one, or the right one."""
    answered = [path for path in truth if path not in failures]
    missing = sum(path not in records for path in answered)
    wrong = sum(path in records and records[path] != truth[path] for path in answered)
    return {
        "failed": len(failures),
        "missing": missing,
        "wrong": wrong,
        "right": len(answered) - missing - wrong,
        "failures": sorted({message.partition(":")[0] for message in failures.values()}),
        "example": next(iter(failures.values()), None),
    }


def _distinct(truth: Records) -> int:
    return len({str(lines) for lines in truth.values()})


def tables(data: Mapping[str, Any]) -> list[Table]:
    """A row for each contestant and situation."""
    rows = [
        [CONTESTANTS[name].title, situation, *_cells(counted)]
        for name, situations in data["contestants"].items()
        for situation, counted in situations.items()
    ]
    headers = ["", "Requests", "Right", "Wrong", "Missing", "Failed"]
    title = f"Results for {data['requests']:,} requests with {data['traces']:,} distinct traces"
    return [Table(title, headers, rows, [NOTE, *_notes(data)], text_columns=2)]


NOTE = (
    "Right: exactly the lines the request runs on its own. Wrong: other lines. Missing: no record. Failed: measuring "
    "broke the request. Tools that are not listed record totals only."
)


def _cells(counted: Mapping[str, Any]) -> list[str]:
    if "error" in counted:
        return [counted["error"], "-", "-", "-"]
    return [f"{counted[outcome]:,}" for outcome in ("right", "wrong", "missing", "failed")]


def _notes(data: Mapping[str, Any]) -> Iterator[str]:
    for name, situations in data["contestants"].items():
        raised = sorted({failure for counted in situations.values() for failure in counted.get("failures", ())})
        if raised:
            yield f"Requests under {CONTESTANTS[name].title} failed with {', '.join(raised)}."
