"""The commands ``compare`` and ``baseline``: the lines that were lost and gained since another run."""

from __future__ import annotations

import click

from .group import livecov
from .options import data_dir_option, run_option


@livecov.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option(
    "--fail-on-decrease",
    is_flag=True,
    help="Exit with 2 if B covers a smaller part than A, in all or of any file. Deleted lines are no decrease.",
)
@data_dir_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "markdown", "json")),
    default="text",
    show_default=True,
    help="The format of the output; markdown is for a comment on a pull request.",
)
def compare(before: str, after: str, fail_on_decrease: bool, data_dir: str, output_format: str) -> None:
    """Show the lines that B lost and gained, compared with A.

    A and B are recorded runs (ids, beginnings of ids, latest, all) or files that `livecov baseline` wrote. Lines that
    moved are found again, in renamed files too.
    """
    from .handlers import comparing

    status = comparing.compare(
        before, after, data_dir=data_dir, output_format=output_format, fail_on_decrease=fail_on_decrease
    )
    click.get_current_context().exit(status)


@livecov.command()
@data_dir_option
@run_option
@click.option(
    "--output",
    metavar="F",
    default="livecov-baseline.json",
    show_default=True,
    help="The file to write; - for standard output.",
)
def baseline(data_dir: str, run_id: str, output: str) -> None:
    """Write the coverage of each file into a small file to check in, with which `livecov compare` compares later runs.

    It depends on no machine and no run: equal code and equal coverage give an equal file.
    """
    from .handlers import comparing

    comparing.write_baseline(data_dir, run_id, output)
