"""``priorities``: what to cover next."""

from __future__ import annotations

import json

import click
from flask.cli import ScriptInfo, pass_script_info

from .group import livecov
from .options import data_dir_option, output_format_option, run_option


@livecov.command()
@data_dir_option
@run_option
@output_format_option
@click.option(
    "--limit", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Show so many routes."
)
@click.option(
    "--access-log",
    metavar="FILE",
    help="Weigh the routes by this log of a production server (Common or Combined Log Format, also compressed with "
    "gzip; - for standard input), not by the recorded requests.",
)
@pass_script_info
def priorities(
    info: ScriptInfo, /, data_dir: str, run_id: str, output_format: str, limit: int, access_log: str | None
) -> None:
    """Show what to cover next: the uncovered statements of the functions where users go most.

    Routes are ranked by their requests times the statements that nobody executed in the functions that they enter.
    """
    from ..commands.priorities import find_priorities, json_object, text

    found = find_priorities(info, data_dir, run_id, access_log)
    click.echo(json.dumps(json_object(found, limit)) if output_format == "json" else text(found, limit))
