"""The commands ``requests``, ``tests``, ``routes``, ``diff``, ``who`` and ``priorities``."""

from __future__ import annotations

import json
from typing import Any

import click
from flask.cli import ScriptInfo, pass_script_info

from ..model.filters import parse_since, parse_status
from .group import livecov
from .options import Command, data_dir_option, output_format_option, parsed, run_option


def filter_options(command: Command) -> Command:
    """The options that select requests."""
    for option in reversed(
        (
            click.option("--test", metavar="NAME", help="Only requests of this test."),
            click.option("--route", metavar="RULE", help="Only to this route: '/user/<id>' or 'GET /user/<id>'."),
            click.option(
                "--status", metavar="N|Nxx", callback=parsed(parse_status), help="Only with this status: 404, 4xx."
            ),
            click.option(
                "--since",
                metavar="WHEN",
                callback=parsed(parse_since),
                help="Only since then: 10m (ago; s, m, h, d), 2026-11-21T10:30, or UNIX seconds.",
            ),
        )
    ):
        command = option(command)
    return command


limit_option = click.option(
    "--limit",
    type=click.IntRange(0),
    default=50,
    show_default=True,
    metavar="N",
    help="At most N requests, 0 for all.",
)
by_option = click.option(
    "--by", type=click.Choice(("test", "route", "request")), help="The kind of the names, where they fit several."
)


@livecov.command("requests")
@click.argument("request_id", metavar="[ID]", required=False)
@filter_options
@limit_option
@data_dir_option
@run_option
@output_format_option
def list_requests(request_id: str | None, limit: int, **options: Any) -> None:
    """List the requests, newest first; with ID (a response's Livecov-Request header), show one with its lines."""
    from .handlers import answers

    answers.show("request", request_id, limit=limit or None, **options)


@livecov.command("tests")
@click.argument("name", required=False)
@filter_options
@data_dir_option
@run_option
@output_format_option
def list_tests(name: str | None, **options: Any) -> None:
    """List the tests and what each executed; with NAME, show one with its lines."""
    from .handlers import answers

    answers.show("test", name, **options)


@livecov.command("routes")
@click.argument("name", metavar="[RULE]", required=False)
@filter_options
@data_dir_option
@run_option
@output_format_option
def list_routes(name: str | None, **options: Any) -> None:
    """List the routes and what each executed, also those never hit; with RULE, show one with its lines."""
    from .handlers import answers

    answers.show("route", name, **options)


@livecov.command("diff")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@by_option
@data_dir_option
@run_option
@output_format_option
def show_diff(first: str, second: str, by: Any, **options: Any) -> None:
    """Show the lines that A executed and B did not; A and B are ids of requests, or names of tests or routes."""
    from .handlers import answers

    answers.diff(first, second, by, **options)


@livecov.command("who")
@click.argument("reference", metavar="FILE:LINE")
@click.option("--limit", type=click.IntRange(1), default=10, show_default=True, metavar="N", help="Show N requests.")
@data_dir_option
@run_option
@output_format_option
def show_who(reference: str, limit: int, **options: Any) -> None:
    """Show which tests, routes and requests executed a line."""
    from .handlers import answers

    answers.who(reference, limit, **options)


@livecov.command()
@data_dir_option
@run_option
@output_format_option
@click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, metavar="N", help="Show N routes.")
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
    from .handlers.priorities import find_priorities, json_object, text

    found = find_priorities(info, data_dir, run_id, access_log)
    click.echo(json.dumps(json_object(found, limit)) if output_format == "json" else text(found, limit))
