"""Runs the mutants of all applications, in some processes."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from .experiment import Bench, Result, bench, run_mutants
from .known import KnownOutcomes


@dataclass(frozen=True)
class Plan:
    """The number of mutants of each application, their seed and kinds (all if none is named), and who judges them.

    ``jobs`` is the number of processes, ``parts`` that of processes that share an application, and ``scratch`` the
    folder for what they write.
    """

    mutants: int
    seed: int
    kinds: tuple[str, ...]
    judge: str
    jobs: int
    parts: int
    scratch: Path

    def numbers(self, part: int) -> range:
        """The numbers of the mutants that a process runs."""
        return range(part, self.mutants, self.parts)

    def results_file(self, name: str, part: int) -> Path:
        """The file for the results of a process."""
        return self.scratch / f"{name}-{part}.jsonl"

    def known_outcomes(self, name: str, part: int) -> KnownOutcomes:
        """The outcomes that were seen before."""
        title = "-".join([name, *(kind.replace(" ", "_") for kind in self.kinds)])
        return KnownOutcomes(self.scratch / "outcomes", title, self.seed, part)


def run_all(names: Sequence[str], plan: Plan) -> dict[str, Any]:
    """Run the mutants of some applications."""
    plan.scratch.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "flask": version("flask"),
        "seed": plan.seed,
        "judge": plan.judge,
        "applications": {},
        "mutants": [],
    }
    parts = [part for part in range(plan.parts) if plan.numbers(part)]
    # Processes that begin anew, because this one may have imported what an application imports.
    with ProcessPoolExecutor(plan.jobs, mp_context=get_context("spawn")) as pool:
        futures = {name: [pool.submit(work, name, plan, part) for part in parts] for name in names}
        for name in names:
            for future in futures[name]:
                results["applications"][name] = future.result()
            lines = [line for part in parts for line in plan.results_file(name, part).read_text().splitlines()]
            results["mutants"] += sorted(map(json.loads, lines), key=lambda result: result["number"])
    return results


def work(name: str, plan: Plan, part: int) -> dict[str, Any]:
    """Run some mutants of an application, each result a line of a file; the facts about the application."""
    began = time.monotonic()
    known = plan.known_outcomes(name, part)
    numbers = plan.numbers(part)
    with (
        plan.results_file(name, part).open("w") as lines,
        tempfile.TemporaryDirectory(prefix="livecov-affected-") as folder,
        bench(name, plan.judge, Path(folder), known, plan.kinds) as one,
    ):
        done = [0, 0, 0]

        def keep(result: Result) -> None:
            lines.write(json.dumps(result.to_object(), separators=(",", ":")) + "\n")
            lines.flush()
            done[0] += 1
            done[1] += bool(result.changed)
            done[2] += bool(result.missed)
            if result.missed or not done[0] % 50:
                minutes = (time.monotonic() - began) / 60
                text = f"{name}: {done[0]} of {len(numbers)} in {minutes:.1f} min, {done[1]} changed, {done[2]} missed"
                click.echo(f"{text} ({result.number} {result.kind})" if result.missed else text, err=True)

        run_mutants(one, plan.seed, numbers, keep)
        return facts(one)


def facts(one: Bench) -> dict[str, Any]:
    """The extent of an application."""
    tree = one.tree
    return {
        "title": one.baseline.application.title,
        "modules": len(tree.python),
        "templates": len(tree.templates),
        "lines": sum(len(tree.files[name].splitlines()) for name in [*tree.python, *tree.templates]),
        "tests": len(one.baseline.tests),
        "seconds": one.baseline.seconds,
    }
