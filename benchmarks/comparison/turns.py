"""Rounds in which several take turns, and what one costs beside another in the same round."""

from __future__ import annotations

import random
import statistics
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

from .contestants import CONTESTANTS
from .processes import Child, arguments_of, environ_of, started
from .works import Work

SEED = 7

# Time for a request, in microseconds.
Times = Sequence[float]


@contextmanager
def alive(
    python: Path | str, module: str, work: Work, contestants: Collection[str], source: str, **environ: str
) -> Iterator[dict[str, Child]]:
    """A process for each contestant, all at once. Raises ProcessFailed if one does not start."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(_started(python, module, work, name, source, environ)) for name in contestants}


def _started(
    python: Path | str, module: str, work: Work, name: str, source: str, environ: Mapping[str, str]
) -> AbstractContextManager[Child]:
    contestant = CONTESTANTS[name]
    command = arguments_of(python, module, [work.name, name], contestant, source)
    return started(command, environ_of(contestant, source, **environ))


def take_turns(turns: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What each brought in each round; their order is another one each time."""
    rng = random.Random(SEED)
    found: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name in rng.sample(sorted(turns), len(turns)):
            found[name].append(turns[name]())
    return found


def microseconds(answer: Mapping[str, Any]) -> float:
    """The time of one request, of a worker's answer."""
    made = answer["requests"] + answer["failed"]
    return 1e6 * answer["seconds"] / made


def beside(bare: Times, measured: Times) -> dict[str, Any]:
    """The throughput beside the bare application's, and what a request costs more: medians of the same rounds."""
    ratios = [one / other for one, other in zip(bare, measured, strict=True)]
    costs = [other - one for one, other in zip(bare, measured, strict=True)]
    return {
        "ratio": statistics.median(ratios),
        "quartiles": quartiles(ratios),
        "us": statistics.median(costs),
        "us_quartiles": quartiles(costs),
        "bare_us": statistics.median(bare),
        "rounds": {"bare_us": list(bare), "us": list(measured)},
    }


def quartiles(values: Sequence[float]) -> list[float]:
    """The first and the third."""
    if len(values) < 2:
        return [values[0], values[0]]
    first, _, third = statistics.quantiles(values, method="inclusive")
    return [first, third]
