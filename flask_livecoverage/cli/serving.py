"""The commands ``serve`` and ``run``, which serve an application under coverage."""

from __future__ import annotations

from typing import Any

import click
from flask.cli import ScriptInfo, pass_script_info

from ..serving.serve_options import RunOptions, ServeOptions
from .group import livecov
from .options import Command, data_dir_option, fail_under_option, keploy_socket_options, keploy_source
from .reports import REPORT_FORMATS

RUN_REPORT_FORMATS = ("term-missing", "html")


def _key_values(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = [value.partition("=") for value in values]
    for key, equals, _ in pairs:
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{key!r} is not of the form KEY=VALUE.", ctx, parameter)
    return tuple((key, value) for key, _, value in pairs)


def serving_options(command: Command) -> Command:
    """The options for the address, the sources to measure, and the application's configuration."""
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
                help="Export FLASK_SQLALCHEMY_DATABASE_URI with a fresh SQLite file, removed at the end. An "
                "application that uses another database is refused.",
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
            click.option(
                "--with-threads/--without-threads",
                "threads",
                default=True,
                help="Answer requests at the same time, or one after the other.",
            ),
        )
    ):
        command = option(command)
    return command


def keploy_options(command: Command) -> Command:
    """The options for Keploy's agent in the serving process."""
    keploy = click.option("--keploy", is_flag=True, help="Report to Keploy the lines that its tests execute.")
    return keploy(keploy_socket_options(command))


startup_timeout_option = click.option(
    "--startup-timeout",
    type=click.FloatRange(0, min_open=True),
    default=60,
    show_default=True,
    metavar="S",
    help="How long the server may take to answer.",
)


@livecov.command()
@serving_options
@keploy_options
@click.option("--no-report", is_flag=True, help="Print no report at the end.")
@click.option("--control-fd", type=int, hidden=True)
@pass_script_info
def serve(info: ScriptInfo, /, no_report: bool, control_fd: int | None, **options: Any) -> None:
    """Serve the application with recording on, until /shutdown, SIGTERM or Ctrl-C; then report."""
    from .handlers import serving

    serve_with = read_serve_options(options, port=5000, access_log=True)
    run_id = serving.serve(info, serve_with, control_fd=control_fd)
    if not no_report:
        from .handlers import run_reports

        click.get_current_context().exit(run_reports.report(serve_with.data_dir, run_id, ["term-missing"]))


@livecov.command(context_settings={"allow_interspersed_args": False})
@serving_options
@keploy_options
@click.option(
    "--server",
    metavar="CMD",
    help="Start this server instead, {host} and {port} filled in: 'gunicorn --bind {host}:{port} app:app'.",
)
@click.option("--timeout", type=click.FloatRange(0, min_open=True), metavar="S", help="End COMMAND after S seconds.")
@startup_timeout_option
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
@click.option("--fail-no-requests", is_flag=True, help="Exit with 2 if no request reached the server.")
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
    fail_no_requests: bool,
    **options: Any,
) -> None:
    """Start the server, run COMMAND against it, shut it down, and report.

    COMMAND finds the server's address in the environment's LIVECOVERAGE_URL. The exit status is COMMAND's.
    """
    from .handlers import serving

    run_options = RunOptions(command, server, timeout, startup_timeout, formats, fail_under, fail_no_requests)
    serve_with = read_serve_options(options, port=0, access_log=False)
    click.get_current_context().exit(serving.run(info, serve_with, run_options))


def read_serve_options(options: dict[str, Any], **defaults: Any) -> ServeOptions:
    """Collect the options of a command that serves; the commands' ``defaults`` differ."""
    for name, default in defaults.items():
        if options[name] is None:
            options[name] = default
    if options.get("keploy") and not options["source"]:
        options["source"] = keploy_source()
    return ServeOptions(temporary_database=options.pop("temp_database"), **options)
