"""The work of ``flask livecov keploy`` and ``replay``."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import ScriptInfo
from tabulate import tabulate

from ...analysis.suite import Suite
from ...errors import DataError, ServerError
from ...journal.data_dir import DataDir
from ...journal.reader import read_run
from ...journal.run_folder import RunFolder, new_run_id
from ...keploy.agent import Agent
from ...keploy.cases import Case, read_recording
from ...keploy.dedup_yaml import write_dedup
from ...keploy.duplicates_yaml import write_duplicates
from ...keploy.replay import Outcome, lines_by_case, replay_cases
from ...keploy.runs import RemoteRun, ServerUnreachable
from ...keploy.sockets import listening
from ...model.bitmap import to_bitmap
from ...model.text import printable
from ...queries.recorded_suite import RecordedSuite
from ...queries.redundancy import suite_redundancy
from ...serving.external_server import describe_status
from ...serving.serve_options import ReplayOptions, ServeOptions
from ...serving.signals import TerminationHandler
from ...settings import load_settings
from .reporting import warn, write_file
from .serving import start_managed_server

# keploy


def run_agent(url: str, control_socket: str, data_socket: str) -> None:
    """Answer Keploy's commands for the server at ``url`` until a signal comes."""
    run = _live_run(url)
    with TerminationHandler() as signals, listening(control_socket) as listener:
        try:
            run.find()
        except ServerUnreachable as error:
            # Keploy may be about to start it.
            warn(str(error))
        agent = Agent(listener, run, data_socket)
        signals.call_on_next_signal(agent.stop)
        click.echo(f" * Keploy's agent listens on {control_socket}", err=True)
        agent.serve_until_stopped()


def _live_run(url: str) -> RemoteRun:
    return RemoteRun(f"{url}{load_settings({}).url_prefix}/status")


# replay


def replay(info: ScriptInfo, options: ServeOptions, replay_options: ReplayOptions) -> int:
    """Replay a recording and write what each case executed; 1 if any case failed, else 0."""
    recording = read_recording(Path(replay_options.path))
    for warning in recording.warnings:
        warn(warning)
    with TerminationHandler(), _server(info, options, replay_options) as (url, run):
        since = run.clock().now()
        outcomes = list(
            replay_cases(
                recording.cases,
                url,
                timeout=replay_options.timeout,
                ignore_ordering=replay_options.ignore_ordering,
            )
        )
    _print(outcomes)
    _write_lines(run, recording.cases, since, replay_options)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


@contextmanager
def _server(info: ScriptInfo, options: ServeOptions, replay_options: ReplayOptions) -> Iterator[tuple[str, RunFolder]]:
    """The address of the server to which the cases are sent, and the run that it records into."""
    if replay_options.url is not None:
        yield replay_options.url, _live_run(replay_options.url).find()
        return
    run = DataDir(options.data_dir).run(new_run_id())
    environ = {**os.environ, **options.environment(run.id), "LIVECOVERAGE_AUTOSTART": "1"}
    with start_managed_server(info, options, environ, replay_options.startup_timeout) as server:
        yield server.url, run
    if server.process.returncode:
        raise ServerError(f"the server {describe_status(server.process.returncode)}: see its output above")


def _print(outcomes: Sequence[Outcome]) -> None:
    rows = [
        (
            printable(outcome.case.id),
            printable(f"{outcome.case.request.method} {outcome.case.request.target}"),
            "passed" if outcome.passed else "failed",
            "\n".join(map(printable, outcome.differences)),
        )
        for outcome in outcomes
    ]
    click.echo(tabulate(rows, headers=("Test", "Request", "Result", "Reason"), disable_numparse=True))
    passed = sum(outcome.passed for outcome in outcomes)
    click.echo(f"\n{passed} passed, {len(outcomes) - passed} failed")


def _write_lines(run: RunFolder, cases: Sequence[Case], since: float, options: ReplayOptions) -> None:
    found = read_run(run)
    for warning in found.warnings:
        warn(warning)
    lines = lines_by_case(found, cases, since)
    if not lines:
        raise DataError("the server has recorded none of these requests: see its output, and whether recording is on")
    write_file(options.output, write_dedup(lines).encode(), "--output")
    click.echo(f"Wrote the lines of {len(lines)} test cases to {options.output}")
    suite = Suite.of_lines(
        {test: {path: to_bitmap(numbers) for path, numbers in files.items()} for test, files in lines.items()}
    )
    duplicates = suite_redundancy(RecordedSuite(suite, "test"), "keploy").duplicates
    write_file(options.duplicates, write_duplicates(duplicates).encode(), "--duplicates")
    click.echo(f"Wrote {len(duplicates)} duplicates to {options.duplicates}")
