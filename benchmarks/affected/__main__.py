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
from .figures import circumstances, missed, tables
from .judge import JUDGES
from .known import KnownOutcomes
from .workers import run_all

REPOSITORY = Path(__file__).parents[2]
OUTPUT = REPOSITORY / "build" / "affected"


@click.command()
@click.option("--mutants", type=click.IntRange(1), default=2000, help="Of all applications.", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--application", "names", multiple=True, type=click.Choice(list(APPLICATIONS)), help="Only this ...")
@click.option("--judge", type=click.Choice(list(JUDGES)), default=next(iter(JUDGES)), show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, help="Processes that run mutants.", show_default=True)
@click.option("--only", type=click.IntRange(0), help="Show the mutant of this number.")
@click.option("--from", "source", type=click.Path(exists=True, path_type=Path), help="Run nothing: read this file.")
@click.option("--output", type=click.Path(path_type=Path), default=OUTPUT, help="The folder for the results.")
def main(
    mutants: int,
    seed: int,
    names: tuple[str, ...],
    judge: str,
    jobs: int,
    only: int | None,
    source: Path | None,
    output: Path,
) -> None:
    """Change applications in random places; each test whose outcome changes must be selected."""
    names = names or tuple(APPLICATIONS)
    if source is not None:
        write(json.loads(source.read_text()), output)
        return
    try:
        if only is not None:
            for name in names:
                with tempfile.TemporaryDirectory() as folder:
                    known = KnownOutcomes(Path(folder) / "known", name, seed, 0)
                    with bench(name, judge, Path(folder), known) as one:
                        click.echo(show(one, seed, only))
            return
        results = run_all(mutants, seed, names, judge, jobs, output)
    except RecordingFailedError as error:
        raise click.ClickException(str(error)) from None
    write(results, output)
    if missed(results):
        raise click.ClickException("tests were missed:\n" + "\n".join(missed(results)))


def write(results: dict[str, Any], output: Path) -> None:
    """Write the results, and the tables for people."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "affected.json").write_text(json.dumps(results, separators=(",", ":")) + "\n")
    found = list(tables(results))
    lines = missed(results) or ["No test was missed."]
    parts = [circumstances(results), *(table.markdown().strip() for table in found), "\n".join(lines)]
    (output / "affected.md").write_text("# Affected tests of mutants\n\n" + "\n\n".join(parts) + "\n")
    (output / "affected.txt").write_text(
        "\n\n".join([circumstances(results), *(table.rst().strip() for table in found)]) + "\n"
    )
    click.echo(found[0].markdown())


if __name__ == "__main__":
    main()
