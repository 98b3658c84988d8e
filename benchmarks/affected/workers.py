"""Runs the mutants of all applications, in some processes."""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click

from .experiment import Bench, Result, bench, run_mutants
from .known import KnownOutcomes


def run_all(mutants: int, seed: int, names: Sequence[str], judge: str, jobs: int, scratch: Path) -> dict[str, Any]:
    """Run the mutants of all applications, in some processes."""
    scratch.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "python": platform.python_version(),
        "flask": version("flask"),
        "seed": seed,
        "judge": judge,
        "applications": {},
        "mutants": [],
    }
    # Processes that begin anew, because this one may have imported what an application imports.
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        for name in names:
            share = mutants // len(names)
            numbers = [list(range(job, share, jobs)) for job in range(jobs)]
            futures = [pool.submit(work, name, judge, seed, part, scratch, job)
                       for job, part in enumerate(numbers) if part]  # fmt: skip
            for future in futures:
                results["applications"][name] = future.result()
            found = [
                json.loads(line)
                for job, part in enumerate(numbers) if part
                for line in (scratch / f"{name}-{job}.jsonl").read_text().splitlines()
            ]  # fmt: skip
            results["mutants"] += sorted(found, key=lambda result: result["number"])
    return results


def work(name: str, judge: str, seed: int, numbers: Sequence[int], scratch: Path, job: int) -> dict[str, Any]:
    """Run some mutants of an application, each result a line of a file; the facts about the application."""
    began = time.monotonic()
    known = KnownOutcomes(scratch / "outcomes", name, seed, job)
    with (
        (scratch / f"{name}-{job}.jsonl").open("w") as lines,
        tempfile.TemporaryDirectory(prefix="livecov-affected-") as folder,
        bench(name, judge, Path(folder), known) as one,
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

        run_mutants(one, seed, numbers, keep)
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
