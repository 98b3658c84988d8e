"""Rounds in which several contestants take turns, and their costs compared within the same round."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any

from .contestants import CONTESTANTS
from .figures import Ratio, spread
from .processes import Interpreter, ProcessFailed, Subprocess, arguments_of, environ_of, started
from .workloads import Workload

SEED = 7

Times = Sequence[float]


@contextmanager
def alive(
    interpreter: Interpreter, module: str, workload: Workload, contestants: Collection[str], source: str, **environ: str
) -> Iterator[dict[str, Subprocess]]:
    """A process for each contestant, all at once. Raises ProcessFailed if one does not start, or does not measure."""
    with ExitStack() as stack:
        children = {
            name: stack.enter_context(_started(interpreter, module, workload, name, source, environ))
            for name in contestants
        }
        for child in children.values():
            require_measuring(child)
        yield children


def require_measuring(child: Subprocess) -> None:
    """Wait until the process is ready. Raises ProcessFailed if its figures would be meaningless."""
    if child.facts["problem"]:
        raise ProcessFailed(child.facts["problem"])


def _started(
    interpreter: Interpreter, module: str, workload: Workload, name: str, source: str, environ: Mapping[str, str]
) -> AbstractContextManager[Subprocess]:
    contestant = CONTESTANTS[name]
    command = arguments_of(interpreter.path, module, [workload.name, name], contestant, source)
    return started(command, environ_of(contestant, source, **environ))


def take_turns(turns: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The results of each in each round; their order differs from round to round."""
    rng = random.Random(SEED)
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name in rng.sample(sorted(turns), len(turns)):
            found[name].append(turns[name]())
    return found


def microseconds(answer: Mapping[str, Any]) -> float:
    """The time of one request, from a worker's answer."""
    seconds: float = answer["seconds"]
    return 1e6 * seconds / (answer["requests"] + answer["failed"])


def compare_to_bare(bare: Times, measured: Times) -> dict[str, Any]:
    """The throughput relative to the bare application's, and the additional cost of a request: medians over rounds."""
    ratio = spread(one / other for one, other in zip(bare, measured, strict=True))
    cost = extra_time(bare, measured)
    return {
        "ratio": ratio.median,
        "quartiles": [ratio.low, ratio.high],
        "us": cost.median,
        "us_quartiles": [cost.low, cost.high],
        "bare_us": spread(bare).median,
        "rounds": {"bare_us": list(bare), "us": list(measured)},
    }


def extra_time(bare: Times, measured: Times) -> Ratio:
    """The differences to the bare application in the same rounds."""
    return spread(other - one for one, other in zip(bare, measured, strict=True))
