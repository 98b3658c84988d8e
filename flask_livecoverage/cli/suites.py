"""The commands ``dedup`` and ``minimise``, which find the redundant part of a suite."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from .group import livecov
from .options import Command, data_dir_option, output_format_option, run_option


def suite_options(command: Command) -> Command:
    """The options that choose the suite."""
    by = click.option(
        "--by",
        type=click.Choice(("test", "request")),
        show_default="test where requests name tests, else request",
        help="What to compare.",
    )
    input_option = click.option(
        "--input", "input_path", metavar="FILE", help="Read this dedupData.yaml in place of what was recorded."
    )
    return data_dir_option(run_option(by(input_option(command))))


def prefer_option(default: str) -> Callable[[Command], Command]:
    """The option that chooses which of several tests with the same lines stays."""
    return click.option(
        "--prefer",
        type=click.Choice(("natural", "fastest", "keploy")),
        show_default=default,
        help="Of several with the same lines, keep the first in natural order (test-9 before test-10), the one with "
        "the lowest duration, or as Keploy does the first in lexicographic order (test-10 before test-9).",
    )


@livecov.command()
@suite_options
@prefer_option("natural; keploy for Keploy's test cases")
@click.option("--output", metavar="FILE", help="Write the lines of each, as Keploy's dedupData.yaml.")
@click.option("--duplicates", metavar="FILE", help="Write the exact duplicates, as Keploy's duplicates.yaml.")
@output_format_option
@click.option(
    "--rm",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Delete Keploy's test cases that are exact duplicates, DIR/SET/tests/TEST.yaml, after asking.",
)
@click.option("--rm-subsumed", is_flag=True, help="With --rm: delete the subsumed ones too.")
@click.option("--yes", is_flag=True, help="With --rm: do not ask.")
def dedup(folder: Path | None, rm_subsumed: bool, yes: bool, **options: Any) -> None:
    """Find tests all of whose lines another test executes too.

    Duplicates executed exactly the same lines, subsumed tests a part of the lines of another. Nothing is deleted
    without --rm.
    """
    if folder is None and (rm_subsumed or yes):
        raise click.UsageError("--rm-subsumed and --yes are for --rm DIR.")
    from .handlers import suites

    removal = None if folder is None else suites.Removal(folder, rm_subsumed, yes)
    suites.dedup(_origin(options), removal=removal, **options)


@livecov.command()
@suite_options
@click.option(
    "--least",
    type=click.Choice(("tests", "duration")),
    default="tests",
    show_default=True,
    help="Minimise the number of tests, or the time that the server spends on them.",
)
@prefer_option("as dedup; fastest with --least duration")
@click.option("--exact", is_flag=True, help="Look for the minimum and prove it; needs Flask-LiveCoverage[exact].")
@click.option(
    "--time-limit",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    default=60,
    show_default=True,
    help="With --exact: stop after S seconds, and print how far the result may be from the minimum.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json", "names")),
    default="text",
    show_default=True,
    help="How to print it; names: one a line, for scripts.",
)
def minimise(**options: Any) -> None:
    """Find the smallest suite that executes all the lines."""
    from .handlers import suites

    suites.minimise_suite(_origin(options), **options)


def _origin(options: dict[str, Any]) -> Any:
    """Take the options of :func:`suite_options` out of ``options``."""
    from .handlers.suites import Origin

    origin = Origin(*(options.pop(name) for name in ("data_dir", "run_id", "by", "input_path")))
    if origin.input_path is not None:
        context = click.get_current_context()
        for parameter, option in (("data_dir", "--data-dir"), ("run_id", "--run"), ("by", "--by")):
            if context.get_parameter_source(parameter) == ParameterSource.COMMANDLINE:
                raise click.UsageError(f"{option} is for what was recorded, not for --input.")
    return origin
