"""What the commands of ``flask livecov`` do, apart from reading their options."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

from .database import tables, temporary_database
from .errors import ConfigurationError, LiveCoverageError, ServerError
from .exports.reports import Reports, open_reports
from .extension import State, attach
from .handshake import Parent
from .journal import DataDir, new_run_id
from .model import Run
from .process import start_recording, stop_recording
from .reader import read_run
from .run import URL_VARIABLE, Server, describe_status, foreign_server, own_server, run_command
from .server import LiveServer, listen
from .settings import ACTIVE_VARIABLE, RUN_VARIABLE, SOURCE_VARIABLE, load_settings
from .signals import EndingSignals, Terminated

_WHOLE_TRACEBACK = "`flask --app APP routes` shows the whole traceback"


@dataclass(frozen=True)
class ServeOptions:
    """Where to serve, what to measure, and what to tell the application."""

    host: str
    port: int
    data_dir: str
    source: tuple[str, ...] = ()
    config: tuple[tuple[str, str], ...] = ()
    temporary_database: bool = False

    def environment(self, run_id: str) -> dict[str, str]:
        """The environment variables that tell a server's processes to record into run ``run_id``."""
        variables = {
            ACTIVE_VARIABLE: "1",
            RUN_VARIABLE: run_id,
            "LIVECOVERAGE_DATA_DIR": os.path.abspath(self.data_dir),
            **{f"FLASK_{key}": value for key, value in self.config},
        }
        if self.source:
            variables[SOURCE_VARIABLE] = ",".join(self.source)
        return variables

    def arguments(self) -> list[str]:
        """The options of ``livecov serve`` for what :meth:`environment` does not say."""
        arguments = ["--host", self.host, "--port", str(self.port), "--data-dir", self.data_dir]
        return [*arguments, "--temp-database"] if self.temporary_database else arguments


@dataclass(frozen=True)
class RunOptions:
    """What to run against the server, how long to wait, and what to report."""

    command: tuple[str, ...]
    server: str | None
    timeout: float | None
    startup_timeout: float
    formats: tuple[str, ...]
    fail_under: float | None


# serve


def serve(info: ScriptInfo, options: ServeOptions, *, control_fd: int | None = None) -> str:
    """Serve the application of ``info`` until it is told to end; return the id of the run.

    ``control_fd`` is a socket to the ``livecov run`` that started us.
    """
    os.environ.update(options.environment(os.environ.get(RUN_VARIABLE) or new_run_id()))
    with EndingSignals() as signals, ExitStack() as stack:
        parent = Parent(control_fd)
        with parent.told_of_failure():
            server = stack.enter_context(_prepared_server(info, options))
        # From here on, also while the tables are dropped, the first signal is a request to end.
        signals.next_calls(server.shutdown)
        click.echo(f" * Running on {server.url}", err=True)
        parent.answers_at(server.url)
        server.serve_until_shutdown()
    return os.environ[RUN_VARIABLE]


@contextmanager
def _prepared_server(info: ScriptInfo, options: ServeOptions) -> Iterator[LiveServer]:
    """The server of an application that was imported under coverage, and has its tables."""
    with ExitStack() as stack:
        if options.temporary_database:
            stack.enter_context(temporary_database())
        listener = stack.enter_context(listen(options.host, options.port))
        recorder = start_recording(load_settings({}))
        stack.callback(stop_recording)
        app = load_app(info)
        state = attach(app)
        _warn_of_hidden_routes(app, state)
        stack.enter_context(tables(app, state.db))
        stack.enter_context(_serving(app, state))
        recorder.write_sources()
        recorder.flush()
        yield LiveServer(app, listener)


def load_app(info: ScriptInfo) -> Flask:
    """The application. Raises ConfigurationError if there is none, ServerError if importing it fails."""
    try:
        return info.load_app()
    except NoAppException as error:
        message = error.message.strip()
        if "Traceback (most recent call last)" not in message:
            raise ConfigurationError(" ".join(message.split())) from error
        lines = message.splitlines()
        raise ServerError(f"{lines[0].rstrip(':')}: {lines[-1]}; {_WHOLE_TRACEBACK}") from error
    except Terminated:
        raise
    except (Exception, SystemExit) as error:
        raise ServerError(f"the application cannot be imported: {_describe(error)}; {_WHOLE_TRACEBACK}") from error


def _describe(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        # It names its place itself, though not the folder; the last frame is the importing machinery's.
        where = ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _warn_of_hidden_routes(app: Flask, state: State) -> None:
    shutdown_url = state.settings.shutdown_url
    if any(rule.rule == shutdown_url and not rule.build_only for rule in app.url_map.iter_rules()):
        warn(f"{shutdown_url} ends the server now, and hides the application's own: set LIVECOVERAGE_SHUTDOWN_URL")


@contextmanager
def _serving(app: Flask, state: State) -> Iterator[None]:
    """Call the functions registered for before and after serving."""
    _call_all(app, state.before_serving, "before_serving")
    try:
        yield
    finally:
        _call_all(app, state.after_serving, "after_serving")


def _call_all(app: Flask, functions: Sequence[Callable[[], Any]], when: str) -> None:
    for function in functions:
        with app.app_context():
            try:
                function()
            except Exception as error:
                name = getattr(function, "__qualname__", repr(function))
                raise ServerError(f"the {when} function {name} failed: {_describe(error)}") from error


# run


def run(info: ScriptInfo, options: ServeOptions, run_options: RunOptions) -> int:
    """Start the server, run the command against it, end the server, report; return the exit status."""
    run_id = new_run_id()
    with EndingSignals(), ExitStack() as stack:
        if run_options.server is not None and options.temporary_database:
            stack.enter_context(temporary_database())
        environ = {**os.environ, **options.environment(run_id)}
        server = stack.enter_context(_start_server(info, options, run_options, environ))
        status = run_command(run_options.command, {**os.environ, URL_VARIABLE: server.url}, run_options.timeout)
        early = server.process.poll()
    report_status = _report_run(options.data_dir, run_id, run_options)
    fault = _server_fault(server.process.returncode, early, own=run_options.server is None)
    if fault is not None:
        raise ServerError(f"{fault}; the command ended with status {status}")
    return status or report_status


def _server_fault(status: int, early: int | None, *, own: bool) -> str | None:
    """What was wrong with how the server ended; ``early`` is its status if that was before it was told to."""
    if early:
        return f"the server {describe_status(early)} while the command ran"
    # Other programs have their own ideas of the status after SIGTERM.
    if own and status:
        return f"the server {describe_status(status)} when it was to end"
    return None


def _start_server(
    info: ScriptInfo, options: ServeOptions, run_options: RunOptions, environ: Mapping[str, str]
) -> AbstractContextManager[Server]:
    app = info.app_import_path
    if run_options.server is not None:
        status_path = load_settings({}).url_prefix + "/status"
        environ = {**environ, "FLASK_APP": app} if app else environ
        return foreign_server(
            run_options.server, options.host, options.port, status_path, environ, run_options.startup_timeout
        )
    arguments = [*(["--app", app] if app else []), "livecov", "serve", *options.arguments(), "--no-report"]
    return own_server(arguments, environ, run_options.startup_timeout)


def _report_run(data_dir: str, run_id: str, run_options: RunOptions) -> int:
    try:
        return report_run(data_dir, run_id, run_options.formats, run_options.fail_under)
    except LiveCoverageError as error:
        # The command's own status matters more, and the server's end too.
        click.echo(f"Error: {error}", err=True)
        return error.exit_code


def report_run(data_dir: str, run_id: str, formats: Iterable[str], fail_under: float | None = None) -> int:
    """Report on a run that has just ended; 2 if the total is below ``fail_under``, else 0."""
    with open_reports(read_runs(data_dir, run_id)) as reports:
        for warning in reports.warnings:
            warn(warning)
        for report_format in formats:
            write_report(reports, report_format)
        return check_fail_under(reports, fail_under)


# Reading what was recorded


def read_runs(data_dir: str, wanted: str) -> list[Run]:
    """The runs that ``wanted`` names; what of them cannot be read is named on standard error."""
    directory = DataDir(data_dir)
    for path in directory.foreign_files():
        warn(f"{path}: not a file of this program's, skipped")
    runs = [read_run(folder) for folder in directory.select(wanted)]
    for found in runs:
        for warning in found.warnings:
            warn(warning)
    return runs


def write_report(reports: Reports, report_format: str, output: str | None = None) -> None:
    """Print a report, or write it where ``output`` or the user's configuration says; ``-`` is standard output."""
    if report_format == "html":
        page = reports.html(Path(output) if output else None)
        click.echo(f"Wrote HTML report to {page}")
    elif report_format == "coverage":
        _write(
            reports.data(), Path(output) if output else reports.default_output("run:data_file"), "coverage data", output
        )
    elif report_format in _FILES:
        path = Path(output) if output else reports.default_output(f"{report_format}:output")
        _write(_FILES[report_format](reports).encode(), path, f"{report_format.upper()} report", output)
    else:
        text = reports.text(show_missing=report_format == "term-missing", markdown=report_format == "markdown")
        if output in (None, "-"):
            click.echo(text, nl=False)
        else:
            _write(text.encode(), Path(str(output)), f"{report_format} report", output)


_FILES: dict[str, Callable[[Reports], str]] = {"xml": Reports.xml, "lcov": Reports.lcov, "json": Reports.json}


def _write(content: bytes, path: Path, what: str, output: str | None) -> None:
    if output == "-":
        click.echo(content, nl=False)
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    except OSError as error:
        raise ServerError(f"cannot write {path} ({error.strerror}): choose another file with --output") from None
    click.echo(f"Wrote {what} to {path}")


def check_fail_under(reports: Reports, fail_under: float | None) -> int:
    """2, said on standard error, if the total is below ``fail_under`` (default: the configuration's), else 0."""
    below = reports.is_below(fail_under)
    if below is None:
        return 0
    click.echo(below, err=True)
    return 2


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"Warning: {message}", err=True)
