"""The commands ``patch`` and ``affected``: the coverage of a change, and the tests that it can affect."""

from __future__ import annotations

import click

from .group import livecov
from .options import Percent, data_dir_option, run_option


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
    type=Percent(),
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


@livecov.command()
@data_dir_option
@click.option(
    "--run",
    "run_id",
    metavar="ID|latest",
    show_default="the newest of an ancestor of HEAD, or of REF",
    help="The recorded run with which the present files are compared.",
)
@click.option(
    "--base",
    metavar="REF",
    help="Use runs of REF and its ancestors alone: a branch, tag or commit. All changes since then count, also "
    "uncommitted ones and new files.",
)
@click.option(
    "--diff",
    "diff_path",
    metavar="FILE",
    help="Judge this unified diff in place of all changes since the run; - for standard input.",
)
@click.option("--strict", is_flag=True, help="Let each change of code that runs at start-up affect all tests.")
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "names", "json")),
    default="text",
    show_default=True,
    help="How to print it; names: one test a line, for scripts.",
)
def affected(
    data_dir: str, run_id: str | None, base: str | None, diff_path: str | None, strict: bool, output_format: str
) -> None:
    """List the tests that must run for a change: those that it can affect, and those that failed."""
    if base is not None and (diff_path is not None or run_id is not None):
        other = "--diff" if diff_path is not None else "--run"
        raise click.UsageError(f"--base chooses the run, and {other} does too: use one of them.")
    from .handlers import affected_tests

    affected_tests.show(data_dir, run_id, base=base, diff_path=diff_path, strict=strict, output_format=output_format)
