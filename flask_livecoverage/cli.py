"""``flask livecov``: the command line.

The ``flask`` command imports this module whatever it is asked to do. So what measures and reports (coverage.py among
it) is imported by the commands that need it, in their bodies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask.cli import ScriptInfo, pass_script_info

from .errors import LiveCoverageError
from .model import CONTEXTS
from .options import RunOptions, ServeOptions
from .settings import URL_VARIABLE, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

REPORT_FORMATS = ("text", "term-missing", "markdown", "html", "xml", "lcov", "json", "coverage")
RUN_REPORT_FORMATS = ("term-missing", "html")
_WORDS = {"None": "none", "True": "yes", "False": "no"}
DEFAULT_URL = "http://127.0.0.1:5000"


class LiveCoverageGroup(click.Group):
    """Turns this package's errors into one line and the exit status that they name."""

    def invoke(self, ctx: click.Context) -> Any:
        """Invoke the command."""
        try:
            return super().invoke(ctx)
        except LiveCoverageError as error:
            if str(error):
                click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)


@click.group(cls=LiveCoverageGroup, name="livecov")
def livecov() -> None:
    """Measure the code coverage of a live server."""


def _default_data_dir() -> str:
    return load_settings({}).data_dir


data_dir_option = click.option(
    "--data-dir",
    default=_default_data_dir,
    show_default="LIVECOVERAGE_DATA_DIR, or .livecov",
    metavar="DIR",
    help="The folder for what is recorded.",
)
run_option = click.option(
    "--run", "run_id", default="latest", show_default=True, metavar="ID|latest|all", help="Which recorded run."
)


def _server_url(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"https?://[^/\s]+(/\S*)?", value):
        raise click.BadParameter(f"{value!r} is not of the form http://HOST:PORT.", ctx, parameter)
    return value and value.rstrip("/")


url_option = click.option(
    "--url",
    envvar=URL_VARIABLE,
    metavar="URL",
    callback=_server_url,
    help=f"The server's address (or the environment's {URL_VARIABLE}).",
)
fail_under_option = click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="N",
    show_default="coverage.py's configuration",
    help="Exit with 2 if the total is below N percent.",
)


def _key_values(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [value.partition("=") for value in values]
    for key, equals, _ in pairs:
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{key!r} is not of the form KEY=VALUE.", ctx, parameter)
    return tuple((key, value) for key, _, value in pairs)


def serve_options(command: Command) -> Command:
    """The options that say where to serve, what to measure and what to tell the application."""
    for option in reversed(
        (
            click.option("--host", default="127.0.0.1", show_default=True, help="The interface to listen on."),
            click.option(
                "--port",
                type=click.IntRange(0, 65535),
                show_default="5000 for serve, 0 for run",
                help="The port to listen on, 0 for any that is free.",
            ),
            data_dir_option,
            click.option(
                "--source",
                multiple=True,
                metavar="PACKAGE|DIR",
                help="Measure this alone, in place of coverage.py's source; can be repeated.",
            ),
            click.option(
                "--temp-database",
                is_flag=True,
                help="Export FLASK_SQLALCHEMY_DATABASE_URI with a fresh SQLite file, removed at the end.",
            ),
            click.option(
                "--config",
                multiple=True,
                metavar="KEY=VALUE",
                callback=_key_values,
                help="Export FLASK_KEY, for applications that call app.config.from_prefixed_env(); can be repeated.",
            ),
            click.option(
                "--access-log/--no-access-log",
                default=None,
                show_default="yes for serve, no for run",
                help="Log all requests, not just those that are answered with an error.",
            ),
        )
    ):
        command = option(command)
    return command


@livecov.command()
@serve_options
@click.option("--no-report", is_flag=True, help="Print no report at the end.")
@click.option("--control-fd", type=int, hidden=True)
@pass_script_info
def serve(info: ScriptInfo, /, no_report: bool, control_fd: int | None, **options: Any) -> None:
    """Serve the application with recording on, until /shutdown, SIGTERM or Ctrl-C; then report."""
    from . import commands, reporting

    serve_with = _serve_options(options, port=5000, access_log=True)
    run_id = commands.serve(info, serve_with, control_fd=control_fd)
    if not no_report:
        click.get_current_context().exit(reporting.report(serve_with.data_dir, run_id, ["term-missing"]))


@livecov.command(context_settings={"allow_interspersed_args": False})
@serve_options
@click.option(
    "--server",
    metavar="CMD",
    help="Start this server instead, {host} and {port} filled in: 'gunicorn --bind {host}:{port} app:app'.",
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="End COMMAND after S seconds.")
@click.option(
    "--startup-timeout",
    type=click.FloatRange(0, min_open=True),
    default=60,
    show_default=True,
    metavar="S",
    help="How long the server may take to answer.",
)
@click.option(
    "--report",
    "formats",
    type=click.Choice(REPORT_FORMATS),
    multiple=True,
    default=RUN_REPORT_FORMATS,
    show_default=True,
    help="What to report; can be repeated.",
)
@fail_under_option
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@pass_script_info
def run(
    info: ScriptInfo,
    /,
    command: tuple[str, ...],
    server: str | None,
    timeout: float | None,
    startup_timeout: float,
    formats: tuple[str, ...],
    fail_under: float | None,
    **options: Any,
) -> None:
    """Start the server, run COMMAND against it, shut it down, and report.

    COMMAND finds the server's address in the environment's LIVECOVERAGE_URL. The exit status is COMMAND's.
    """
    from . import commands

    run_options = RunOptions(command, server, timeout, startup_timeout, formats, fail_under)
    serve_with = _serve_options(options, port=0, access_log=False)
    click.get_current_context().exit(commands.run(info, serve_with, run_options))


def _serve_options(options: dict[str, Any], **defaults: Any) -> ServeOptions:
    """The options of ``serve`` and ``run``, whose defaults differ."""
    for name, default in defaults.items():
        if options[name] is None:
            options[name] = default
    return ServeOptions(temporary_database=options.pop("temp_database"), **options)


@livecov.command()
@data_dir_option
@run_option
@click.option(
    "--format",
    "report_format",
    type=click.Choice(REPORT_FORMATS),
    default="text",
    show_default=True,
    help="What to report.",
)
@click.option(
    "--contexts",
    type=click.Choice(CONTEXTS),
    show_default="test where requests name tests, else route",
    help="What the contexts of html, json and coverage are.",
)
@click.option(
    "--output", metavar="F", help="The file, or for html the folder, to write; - for standard output (not html)."
)
@fail_under_option
def report(
    data_dir: str, run_id: str, report_format: str, contexts: str | None, output: str | None, fail_under: float | None
) -> None:
    """Report the coverage of what was recorded."""
    from . import reporting

    click.get_current_context().exit(
        reporting.report(data_dir, run_id, [report_format], contexts=contexts, output=output, fail_under=fail_under)
    )


@livecov.command()
@url_option
def shutdown(url: str | None) -> None:
    """Shut a live server down."""
    from . import reporting

    click.echo(reporting.shut_down(url or DEFAULT_URL))


@livecov.command()
@data_dir_option
@run_option
@url_option
@click.option(
    "--format",
    "output_format",
    type=click.Choice(("text", "json")),
    default="text",
    show_default=True,
    help="How to print it.",
)
def status(data_dir: str, run_id: str, url: str | None, output_format: str) -> None:
    """Show the state of a live server, or without --url what was recorded."""
    from . import reporting

    states = reporting.recorded_status(data_dir, run_id) if url is None else [reporting.live_status(url.rstrip("/"))]
    if output_format == "json":
        click.echo(json.dumps(states if run_id == "all" else states[0]))
        return
    for state in states:
        width = max(map(len, state))
        for key, value in state.items():
            click.echo(f"{key.replace('_', ' '):{width}}  {_WORDS.get(repr(value), value)}")
