"""The commands ``report``, ``status`` and ``shutdown``: the totals of what was recorded, and a live server's state."""

from __future__ import annotations

import json

import click

from ..model.records import CONTEXTS
from ..model.text import printable
from .group import livecov
from .options import DEFAULT_URL, data_dir_option, fail_under_option, output_format_option, run_option, url_option

REPORT_FORMATS = ("text", "term-missing", "markdown", "html", "xml", "lcov", "json", "coverage", "github", "badge")
_WORDS = {"None": "none", "True": "yes", "False": "no"}


@livecov.command()
@data_dir_option
@run_option
@click.option(
    "--format",
    "report_format",
    type=click.Choice(REPORT_FORMATS),
    default="text",
    show_default=True,
    help="The kind of report.",
)
@click.option(
    "--contexts",
    type=click.Choice(CONTEXTS),
    show_default="test where requests name tests, else route",
    help="The contexts in html, json and coverage.",
)
@click.option(
    "--output", metavar="F", help="The file, or for html the folder, to write; - for standard output (not html)."
)
@fail_under_option
def report(
    data_dir: str, run_id: str, report_format: str, contexts: str | None, output: str | None, fail_under: float | None
) -> None:
    """Report the coverage of what was recorded."""
    from .handlers import run_reports

    click.get_current_context().exit(
        run_reports.report(data_dir, run_id, [report_format], contexts=contexts, output=output, fail_under=fail_under)
    )


@livecov.command()
@url_option
def shutdown(url: str | None) -> None:
    """Shut a live server down."""
    from .handlers import reporting

    click.echo(printable(reporting.shut_down(url or DEFAULT_URL)))


@livecov.command()
@data_dir_option
@run_option
@url_option
@output_format_option
def status(data_dir: str, run_id: str, url: str | None, output_format: str) -> None:
    """Show the state of a live server, or without --url what was recorded."""
    from .handlers import reporting

    states = reporting.recorded_status(data_dir, run_id) if url is None else [reporting.live_status(url.rstrip("/"))]
    if output_format == "json":
        click.echo(json.dumps(states if run_id == "all" else states[0]))
        return
    for state in states:
        width = max(map(len, state))
        for key, value in state.items():
            click.echo(
                f"{printable(key.replace('_', ' ')):{width}}  {_WORDS.get(repr(value)) or printable(str(value))}"
            )
