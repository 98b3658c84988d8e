"""The command ``patch``: the coverage of a change."""

from __future__ import annotations

import click

from .group import livecov
from .options import data_dir_option, run_option


@livecov.command()
@data_dir_option
@run_option
@click.option(
    "--base",
    metavar="REF",
    show_default="the default branch: origin/HEAD, main or master",
    help="Compare with the commit where the present one has branched off REF, a branch, tag or commit. Uncommitted "
    "changes and new files count.",
)
@click.option(
    "--diff",
    "diff_path",
    metavar="FILE",
    help="Read the change from this unified diff in place of asking git; - for standard input.",
)
@click.option(
    "--minimum",
    type=click.FloatRange(0, 100),
    metavar="PERCENT",
    help="Exit with 2 if fewer of the changed statements were executed, or if some cannot be judged.",
)
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "markdown", "json", "github")),
    default="text",
    show_default=True,
    help="How to print it; markdown: for a comment; github: annotations and the step's summary in GitHub Actions.",
)
def patch(
    data_dir: str, run_id: str, base: str | None, diff_path: str | None, minimum: float | None, output_format: str
) -> None:
    """Show which of the statements that a change touches were executed, and by which tests."""
    if base is not None and diff_path is not None:
        raise click.UsageError("--base and --diff name two changes: use one of them.")
    from .handlers import change_coverage

    status = change_coverage.patch(
        data_dir, run_id, base=base, diff_path=diff_path, minimum=minimum, output_format=output_format
    )
    click.get_current_context().exit(status)
