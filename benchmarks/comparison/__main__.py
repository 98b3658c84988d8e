"""Runs the benchmark, and writes its results.

::

    python -m benchmarks.comparison --python .venvs/bench-3.11/bin/python --python .venvs/bench-3.13/bin/python
    python -m benchmarks.comparison --quick            # a check that it runs, with this interpreter
    python -m benchmarks.comparison --from benchmarks/results.json      # tables and charts again
"""

from __future__ import annotations

import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .charts import write_charts
from .contestants import CONTESTANTS
from .documents import write_documents
from .measure import LEVELS, Plan, measure
from .parts import PARTS
from .processes import Interpreter, ProcessFailed, find_interpreter
from .report import markdown
from .workloads import WORKLOADS
from .wrk import find_wrk

REPOSITORY = Path(__file__).parents[2]
# Whole runs are kept in the repository.
RESULTS, DOCS = REPOSITORY / "benchmarks", REPOSITORY / "docs" / "performance"
PARTIAL = REPOSITORY / "build" / "benchmark"
QUICK_PLAN = Plan(rounds=1, rival_rounds=1, seconds=0.05)
QUICK_WORKLOADS = ("trivial", "large")
QUICK_LEVELS = ("wsgi-1", "wsgi-4")
THROUGHPUT = "throughput"


@dataclass(frozen=True)
class Choice:
    """The selection to measure."""

    whole: bool
    quick: bool
    plan: Plan
    parts: Sequence[str]
    workloads: Sequence[str]
    levels: Sequence[str]
    contestants: Sequence[str]

    @property
    def needs_wrk(self) -> bool:
        """True if requests are made over HTTP."""
        return THROUGHPUT in self.parts and any(LEVELS[level].server for level in self.levels)


@click.command()
@click.option("--python", "pythons", multiple=True, help="An interpreter to measure with; repeatable. [default: this]")
@click.option("--part", "parts", multiple=True, type=click.Choice([THROUGHPUT, *PARTS]), help="Only this; repeatable.")
@click.option(
    "--work", "--workload", "workloads", multiple=True, type=click.Choice(list(WORKLOADS)), help="Only this ..."
)
@click.option("--level", "levels", multiple=True, type=click.Choice(list(LEVELS)), help="Only this; repeatable.")
@click.option("--contestant", "contestants", multiple=True, type=click.Choice(list(CONTESTANTS)), help="Only this ...")
@click.option("--rounds", type=click.IntRange(1), help=f"[default: {Plan.rounds}]")
@click.option("--rival-rounds", type=click.IntRange(1), help=f"Those with the rivals. [default: {Plan.rival_rounds}]")
@click.option("--seconds", type=click.FloatRange(0, min_open=True), help=f"For a round. [default: {Plan.seconds}]")
@click.option("--seed", type=int, help=f"Of the order in a round. [default: {Plan.seed}]")
@click.option("--quick", is_flag=True, help="Check that it runs; its figures mean nothing.")
@click.option("--from", "source", type=click.Path(exists=True, path_type=Path), help="Measure nothing: read this file.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The folder for all that is written. [default: benchmarks and docs/performance; build/benchmark for a part]",
)
def main(pythons: tuple[str, ...], source: Path | None, output: Path | None, **selection: Any) -> None:
    """Compare Flask-LiveCoverage with other tools, on this machine."""
    choice = choose(**selection)
    folders = (RESULTS, DOCS) if choice.whole and output is None else in_one(output or PARTIAL)
    if source is not None:
        write(json.loads(source.read_text()), *folders)
        return
    if choice.needs_wrk and not find_wrk():
        raise click.ClickException("wrk makes the HTTP requests, and is not installed: apt-get install wrk")
    run(pythons or (sys.executable,), choice, lambda results: write(results, *folders))
    click.echo(f"Wrote {folders[0] / 'results.md'}", err=True)


def choose(
    *,
    quick: bool,
    parts: Sequence[str],
    workloads: Sequence[str],
    levels: Sequence[str],
    contestants: Sequence[str],
    **plan: Any,
) -> Choice:
    """The selection that the options make; without an option of a kind, all of that kind."""
    given = {name: value for name, value in plan.items() if value is not None}
    return Choice(
        whole=not (quick or parts or workloads or levels or contestants),
        quick=quick,
        plan=replace(QUICK_PLAN if quick else Plan(), **given),
        parts=parts or (THROUGHPUT, *PARTS),
        workloads=workloads or (QUICK_WORKLOADS if quick else tuple(WORKLOADS)),
        levels=levels or (QUICK_LEVELS if quick else tuple(LEVELS)),
        # Ratios are to the bare application.
        contestants=[name for name in CONTESTANTS if not contestants or name in ("bare", *contestants)],
    )


def in_one(folder: Path) -> tuple[Path, Path]:
    """The folders for results and for files of the documentation, if all are in one folder."""
    return folder, folder / "performance"


def run(pythons: Sequence[str], choice: Choice, keep: Callable[[dict[str, Any]], None]) -> None:
    """Measure with one interpreter after the other; after each, the results so far are kept."""
    results: dict[str, Any] = {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine(),
        "quick": choice.quick,
        "plan": asdict(choice.plan),
        "pythons": {},
    }
    with tempfile.TemporaryDirectory(prefix="livecov-benchmark-") as folder:
        for path in pythons:
            try:
                interpreter = find_interpreter(path, Path(folder))
            except ProcessFailed as error:
                raise click.ClickException(str(error)) from None
            results["pythons"][interpreter.name] = measure_python(interpreter, choice)
            keep(results)


def measure_python(interpreter: Interpreter, choice: Choice) -> dict[str, Any]:
    """Measure the selection with one interpreter."""
    measured = {name: interpreter.facts[name] for name in ("version", "packages", "compiled")}
    if THROUGHPUT in choice.parts:
        measured[THROUGHPUT] = measure(
            interpreter,
            [WORKLOADS[name] for name in choice.workloads],
            [LEVELS[name] for name in choice.levels],
            [CONTESTANTS[name] for name in choice.contestants],
            choice.plan,
            progress,
        )
    for name, part in PARTS.items():
        if name in choice.parts:
            measured[name] = part.measure(
                interpreter, choice.quick, lambda text: progress(f"{interpreter.name}: {text}")
            )
    return measured


def progress(text: str) -> None:
    """Print what is measured now."""
    click.echo(text, err=True)


def write(results: dict[str, Any], output: Path, docs: Path) -> None:
    """Write the results, and the tables and charts made from them."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "results.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")
    (output / "results.md").write_text(markdown(results))
    write_charts(results, docs)
    write_documents(results, docs)


def machine() -> str:
    """The machine, as the results name it."""
    return f"{processor()}, {os.cpu_count()} processors, {platform.system()} {platform.machine()}"


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown processor"
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown processor"
    )


if __name__ == "__main__":
    main()
