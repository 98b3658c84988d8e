"""``flask livecov``: the command line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import Any, TypeVar

import click
from flask.cli import ScriptInfo, pass_script_info

from . import commands
from .client import fetch, fetch_json
from .commands import RunOptions, ServeOptions
from .errors import LiveCoverageError
from .exports.contexts import CONTEXTS
from .exports.reports import open_reports
from .model import Run
from .run import URL_VARIABLE
from .settings import load_settings

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
url_option = click.option(
    "--url",
    envvar=URL_VARIABLE,
    metavar="URL",
    help=f"The server's address (or the environment's {URL_VARIABLE}).",
)
fail_under_option = click.option(
    "--fail-under",
    type=click.FloatRange(0, 100),
    metavar="N",
    help="Exit with 2 if the total is below N percent. [default: coverage.py's configuration]",
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
                default=None,
                help="The port to listen on, 0 for any that is free. [default: 5000 for serve, 0 for run]",
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
    serve_with = _serve_options(options, default_port=5000)
    run_id = commands.serve(info, serve_with, control_fd=control_fd)
    if not no_report:
        click.get_current_context().exit(commands.report_run(serve_with.data_dir, run_id, ["term-missing"]))


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
    run_options = RunOptions(command, server, timeout, startup_timeout, formats, fail_under)
    click.get_current_context().exit(commands.run(info, _serve_options(options, default_port=0), run_options))


def _serve_options(options: dict[str, Any], default_port: int) -> ServeOptions:
    port = options.pop("port")
    return ServeOptions(
        port=default_port if port is None else port, temporary_database=options.pop("temp_database"), **options
    )


@livecov.command()
@data_dir_option
@run_option
@click.option("--format", "report_format", type=click.Choice(REPORT_FORMATS), default="text", show_default=True)
@click.option(
    "--contexts",
    type=click.Choice(CONTEXTS),
    help="What the contexts of html, json and coverage are. [default: test where requests name tests, else route]",
)
@click.option("--output", metavar="F", help="The file, or for html the folder, to write; - for standard output.")
@fail_under_option
def report(
    data_dir: str, run_id: str, report_format: str, contexts: str | None, output: str | None, fail_under: float | None
) -> None:
    """Report the coverage of what was recorded."""
    with open_reports(commands.read_runs(data_dir, run_id), contexts=contexts) as reports:
        for warning in reports.warnings:
            commands.warn(warning)
        commands.write_report(reports, report_format, output)
        click.get_current_context().exit(commands.check_fail_under(reports, fail_under))


@livecov.command()
@url_option
def shutdown(url: str | None) -> None:
    """Shut a live server down."""
    address = (url or DEFAULT_URL).rstrip("/") + load_settings({}).shutdown_url
    try:
        click.echo(fetch(address, method="POST").decode("utf-8", "replace"))
    except OSError as error:
        raise click.ClickException(f"no server answers at {address} ({getattr(error, 'reason', error)})") from None


@livecov.command()
@data_dir_option
@run_option
@url_option
@click.option("--format", "output_format", type=click.Choice(("text", "json")), default="text", show_default=True)
def status(data_dir: str, run_id: str, url: str | None, output_format: str) -> None:
    """Show the state of a live server, or without --url what was recorded."""
    if url is None:
        states = [_run_status(found, data_dir) for found in commands.read_runs(data_dir, run_id)]
    else:
        states = [_live_status(url)]
    if output_format == "json":
        click.echo(json.dumps(states if run_id == "all" else states[0]))
        return
    for state in states:
        width = max(map(len, state))
        for key, value in state.items():
            click.echo(f"{key.replace('_', ' '):{width}}  {_WORDS.get(repr(value), value)}")


def _live_status(url: str) -> dict[str, Any]:
    address = f"{url.rstrip('/')}{load_settings({}).url_prefix}/status"
    try:
        return fetch_json(address)
    except OSError as error:
        raise click.ClickException(f"no server answers at {address} ({getattr(error, 'reason', error)})") from None


def _run_status(run: Run, data_dir: str) -> dict[str, Any]:
    process = run.processes[0] if run.processes else None
    return {
        "run": run.id,
        "data_dir": os.path.abspath(data_dir),
        "engine": process.engine if process else None,
        "reason": process.reason if process else None,
        "branch": run.branch,
        "processes": len(run.processes),
        "requests": len(run.requests),
        "traces": len({request.trace for request in run.requests}),
        "tests": len({request.test for request in run.requests if request.test}),
        "windows": len(run.windows),
    }
