"""The work of ``flask livecov serve`` and ``run``."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo

from ...control.application import is_control
from ...control_client import ensure_token
from ...errors import ConfigurationError, LiveCoverageError, ServerError
from ...extension import State, attach
from ...journal.data_dir import DataDir
from ...journal.facts import note_command, note_working_tree
from ...journal.run_folder import new_run_id
from ...keploy.agent import Agent
from ...keploy.runs import LocalRun
from ...keploy.sockets import listening
from ...model.records import Run
from ...model.run_facts import Command
from ...model.text import printable
from ...recording.process import start_recording, stop_recording
from ...repository.working_tree import working_tree
from ...serving.database import TemporaryDatabase, create_missing_tables, tables, temporary_database
from ...serving.external_server import describe_status
from ...serving.launcher import ServerProcess, external_server, inherited_environment, managed_server, run_command
from ...serving.readiness import ParentConnection
from ...serving.serve_options import RunOptions, ServeOptions
from ...serving.signals import Terminated, TerminationHandler
from ...serving.werkzeug_server import LiveServer, listen
from ...settings import RUN_VARIABLE, URL_VARIABLE, Settings, load_settings
from ...startup import database_guard
from ...startup.database_guard import RefusedDatabase, read_refusal
from ...startup.early_start import early_start_environ, restart_if_late
from .reporting import report_on, warn
from .surplus_runs import remove_surplus

_WHOLE_TRACEBACK = "`flask --app APP routes` shows the whole traceback"


# serve


def serve(info: ScriptInfo, options: ServeOptions, *, control_fd: int | None = None) -> str:
    """Serve the application of ``info`` until a signal or a request for a shutdown; return the id of the run.

    ``control_fd`` is a socket to the ``livecov run`` that started this process.
    """
    remove_surplus(options.data_dir)
    os.environ.update(options.environment(os.environ.get(RUN_VARIABLE) or new_run_id()))
    with _restored_folder(os.getcwd()), TerminationHandler() as signals, ExitStack() as stack:
        parent = ParentConnection(control_fd)
        with parent.reporting_failures():
            late = restart_if_late(keep=() if control_fd is None else (control_fd,))
            if late is not None:
                warn(late)
            database = stack.enter_context(temporary_database()) if options.temporary_database else None
            server, settings = stack.enter_context(_prepared_server(info, options, database))
        # From here on, also while the tables are dropped, the first signal is a request to end.
        signals.call_on_next_signal(server.shutdown)
        click.echo(f" * Running on {server.url}", err=True)
        if control_fd is None:
            click.echo(f" * Dashboard: {server.url}{settings.url_prefix}/", err=True)
        parent.report_ready(server.url)
        server.serve_until_shutdown()
        if database is not None:
            database.check()
    return os.environ[RUN_VARIABLE]


@contextmanager
def _restored_folder(folder: str) -> Iterator[None]:
    """Change back to ``folder``, which the report needs, at the end of the block: the application may have left it."""
    try:
        yield
    finally:
        with suppress(OSError):
            os.chdir(folder)


@contextmanager
def _prepared_server(
    info: ScriptInfo, options: ServeOptions, database: TemporaryDatabase | None
) -> Iterator[tuple[LiveServer, Settings]]:
    """The server of the application, which is imported under coverage and gets its tables; and the settings."""
    with ExitStack() as stack:
        listener = stack.enter_context(listen(options.host, options.port))
        # Absolute, because the application may change the working directory. An empty path stays empty.
        path = options.control_socket and os.path.abspath(options.control_socket)
        control = stack.enter_context(listening(path)) if options.keploy else None
        recorder = start_recording(load_settings({}))
        stack.callback(_stop_recording)
        database_guard.install()
        app = load_app(info)
        state = attach(app)
        database_guard.check()
        _warn_of_hidden_routes(app, state)
        stack.enter_context(tables(app, state.db))
        stack.enter_context(_serving(app, state))
        if database is not None:
            create_missing_tables(app, database)
        recorder.inventory.write()
        recorder.flush()
        if control is not None:
            data_socket = os.path.join(recorder.root, options.data_socket)
            stack.enter_context(Agent(control, LocalRun(recorder), data_socket).in_background())
            click.echo(f" * Keploy's agent listens on {options.control_socket}", err=True)
        server = LiveServer(
            app,
            listener,
            access_log=options.access_log,
            threads=options.threads,
            is_control=partial(is_control, settings=state.settings),
        )
        yield server, state.settings


def _stop_recording() -> None:
    warning = stop_recording()
    if warning is not None:
        warn(warning)


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
    except (Terminated, RefusedDatabase):
        raise
    except (Exception, SystemExit) as error:
        raise ServerError(f"the application cannot be imported: {_describe(error)}; {_WHOLE_TRACEBACK}") from error


def _describe(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        # Its message names the file (without the folder) and the line; the last frame belongs to the import system.
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
    folder = DataDir(options.data_dir).run(run_id)
    with TerminationHandler(), ExitStack() as stack:
        if run_options.server is not None:
            remove_surplus(options.data_dir)  # else the server does that
        # With it, the server accepts our requests and those of the command's pytest plugin, from any address.
        stack.enter_context(ensure_token())
        database = None
        if run_options.server is not None and options.temporary_database:
            database = stack.enter_context(temporary_database())
        environ = {**inherited_environment(), **options.environment(run_id)}
        tree = working_tree(Path.cwd())
        server = stack.enter_context(_start_server(info, options, run_options, environ))
        if database is not None:
            database.check()
        environ = {**inherited_environment(), URL_VARIABLE: server.url}
        note_working_tree(folder, lambda: tree)
        note_command(folder, Command(run_options.command))
        status = run_command(run_options.command, environ, run_options.timeout)
        note_command(folder, Command(run_options.command, status))
        early = server.process.poll()
        refused = database and _check_afterwards(database)
    report_status = _report_run(options.data_dir, run_id, run_options, server.url)
    if refused:
        raise ConfigurationError(refused)
    # After SIGTERM, other programs end with statuses of all kinds.
    fault = server.process.returncode if run_options.server is None else early
    if fault:
        # For example, a database that was refused late.
        error = ConfigurationError if fault == ConfigurationError.exit_code else ServerError
        raise error(
            f"the server {describe_status(fault)}: see its output above; the command ended with status {status}"
        )
    return status or report_status


def _check_afterwards(database: TemporaryDatabase) -> str | None:
    """The refusal of a connection that the application tried while it answered the command's requests."""
    if not database.has_tables():
        warn(
            "the temporary database has no tables: with --server, create them at the beginning of the command, or when "
            "the application starts"
        )
    return read_refusal(database.file)


def _start_server(
    info: ScriptInfo, options: ServeOptions, run_options: RunOptions, environ: Mapping[str, str]
) -> AbstractContextManager[ServerProcess]:
    app = info.app_import_path
    if run_options.server is not None:
        if options.keploy:
            raise ConfigurationError(
                "--keploy is for the server of `livecov run` itself: beside --server, start `flask livecov keploy`"
            )
        environ = {**environ, "FLASK_APP": app} if app else environ
        return external_server(
            run_options.server, options.host, options.port, load_settings({}), environ, run_options.startup_timeout
        )
    return start_managed_server(info, options, environ, run_options.startup_timeout)


def start_managed_server(
    info: ScriptInfo, options: ServeOptions, environ: Mapping[str, str], timeout: float
) -> AbstractContextManager[ServerProcess]:
    """Start ``livecov serve`` for the application of ``info``, as a subprocess.

    See :func:`~...serving.launcher.managed_server`.

    Raises ConfigurationError if coverage.py's configuration cannot be used.
    """
    app = info.app_import_path
    arguments = [*(["--app", app] if app else []), "livecov", "serve", *options.arguments(), "--no-report"]
    return managed_server(arguments, early_start_environ(environ, once=True), timeout)


def _report_run(data_dir: str, run_id: str, run_options: RunOptions, url: str) -> int:
    # Imported here, because a server needs no store while it serves.
    from .run_reports import whole_runs

    try:
        runs = whole_runs(data_dir, run_id)
        try:
            status = report_on(runs, run_options.formats, fail_under=run_options.fail_under)
        finally:
            no_requests = _check_requests(runs, url, fail=run_options.fail_no_requests)
        return status or no_requests
    except LiveCoverageError as error:
        # Not raised: a fault of the server, and then the command's status, take precedence.
        click.echo(f"Error: {printable(str(error))}", err=True)
        return error.exit_code


def _check_requests(runs: Sequence[Run], url: str, *, fail: bool) -> int:
    """Print a warning where no request was recorded; with ``fail``, an error, and return 2."""
    if any(run.requests or run.lost for run in runs):
        return 0
    if load_settings({}).autostart:
        message = (
            f"no request reached the server at {url}: the command finds this address in the environment variable "
            f"{URL_VARIABLE}, and has to pass it on, as in -- sh -c 'curl \"${URL_VARIABLE}/\"'"
        )
    else:
        message = (
            "no request was recorded: without LIVECOVERAGE_AUTOSTART, the command has to open a window at "
            f"${URL_VARIABLE}{load_settings({}).url_prefix}/start first"
        )
    click.echo(f"{'Error' if fail else 'Warning'}: {message}", err=True)
    return 2 if fail else 0
