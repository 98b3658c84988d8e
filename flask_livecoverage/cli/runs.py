"""The commands ``runs`` and ``prune``: the recorded runs."""

from __future__ import annotations

from typing import Any

import click

from ..model.filters import parse_since
from .group import livecov
from .options import data_dir_option, output_format_option, parsed


@livecov.command("runs")
@data_dir_option
@output_format_option
def list_runs(**options: Any) -> None:
    """List the recorded runs, newest first: commit, command, tests and coverage of each."""
    from .handlers import recorded_runs

    recorded_runs.show_runs(**options)


@livecov.command()
@click.option(
    "--keep",
    type=click.IntRange(0),
    metavar="N",
    show_default="LIVECOVERAGE_KEEP_RUNS, or 20; none with --older-than",
    help="Keep the newest N runs.",
)
@click.option(
    "--older-than",
    metavar="WHEN",
    callback=parsed(parse_since),
    help="Keep runs that began since then: 30d (ago; s, m, h, d), 2026-11-21T10:30, or UNIX seconds.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_dir_option
@output_format_option
def prune(**options: Any) -> None:
    """Remove old runs, after listing them: never one that is being recorded.

    A run is removed unless --keep or --older-than keeps it.
    """
    from .handlers import recorded_runs

    recorded_runs.prune(**options)
