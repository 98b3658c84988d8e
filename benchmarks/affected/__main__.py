"""Runs the experiment, and writes its results."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import click

from .applications import APPLICATIONS
from .baseline import RecordingFailedError
from .experiment import bench, show
from .figures import circumstances, missed, silent, tables
from .judge import JUDGES
from .mutations import KINDS
from .workers import Plan, run_all

REPOSITORY = Path(__file__).parents[2]
# A run of all applications with the product's selection is kept in the repository.
RESULTS, DOCS = REPOSITORY / "benchmarks", REPOSITORY / "docs" / "experiment"
PARTIAL = REPOSITORY / "build" / "affected"


@click.command()
@click.option("--mutants", type=click.IntRange(1), default=2000, help="Of all applications.", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--application", "names", multiple=True, type=click.Choice(list(APPLICATIONS)), help="Only this ...")
@click.option("--kind", "kinds", multiple=True, type=click.Choice(list(KINDS)), help="Mutants of this kind ...")
@click.option("--judge", type=click.Choice(list(JUDGES)), default=next(iter(JUDGES)), show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes that run mutants.", show_default=True)
@click.option("--only", type=click.IntRange(0), help="Show the mutant of this number.")
@click.option("--from", "source", type=click.Path(exists=True, path_type=Path), help="Run nothing: read this file.")
@click.option("--scratch", type=click.Path(path_type=Path), default=PARTIAL, help="The folder for outcomes.")
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    help="The folder for results. [default: those in the repository; the scratch folder for a part]",
)
def main(
    mutants: int,
    seed: int,
    names: tuple[str, ...],
    kinds: tuple[str, ...],
    judge: str,
    jobs: int,
    only: int | None,
    source: Path | None,
    scratch: Path,
    output: Path | None,
) -> None:
    """Change applications in random places; each test whose outcome changes must be selected."""
    is_whole = output is None and not names and not kinds and judge == next(iter(JUDGES))
    folders = (RESULTS, DOCS) if is_whole else (output or scratch, (output or scratch) / "docs")
    names = names or tuple(APPLICATIONS)
    if source is not None:
        write(json.loads(source.read_text()), *folders)
        return
    plan = Plan(mutants // len(names), seed, kinds, judge, jobs, max(1, jobs // len(names)), scratch)
    try:
        if only is not None:
            for name in names:
                with tempfile.TemporaryDirectory() as folder:
                    known = plan.known_outcomes(name, 0)
                    with bench(name, judge, Path(folder), known, kinds) as one:
                        click.echo(show(one, seed, only))
            return
        results = run_all(names, plan)
    except RecordingFailedError as error:
        raise click.ClickException(str(error)) from None
    write(results, *folders)
    if missed(results):
        raise click.ClickException("tests were missed:\n" + "\n".join(missed(results)))


def write(results: dict[str, Any], output: Path, docs: Path) -> None:
    """Write the results, a report, and the parts of a page of the documentation."""
    for folder in (output, docs):
        folder.mkdir(parents=True, exist_ok=True)
    found = list(tables(results))
    lines = missed(results) or ["No test was missed."]
    parts = [circumstances(results), *(table.markdown().strip() for table in found), silent(results)]
    (output / "affected.json").write_text(json.dumps(shortened(results), separators=(",", ":")) + "\n")
    (output / "affected.md").write_text("\n\n".join(["# Affected tests of mutants", *parts, "\n".join(lines)]) + "\n")
    (docs / "circumstances.txt").write_text(f"{circumstances(results)}\n\n{silent(results)}\n")
    for name, table in zip(("applications", "statements", "kinds"), found, strict=True):
        (docs / f"{name}.txt").write_text(table.rst().strip() + "\n")
        click.echo(table.markdown())


def shortened(results: dict[str, Any]) -> dict[str, Any]:
    """The results without long texts, which the files in the scratch folder have."""
    return {**results, "mutants": [{**result, "reasons": [], "problem": None} for result in results["mutants"]]}


if __name__ == "__main__":
    main()
