"""Writes reports on runs; and the work of ``status`` and ``shutdown``: read what was recorded, or ask a live server."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from ...control_client import fetch, fetch_json
from ...errors import ConfigurationError, ServerError
from ...exports import github, github_report
from ...exports.badge import badge
from ...exports.reports import Reports, open_reports
from ...journal.data_dir import DataDir
from ...journal.outcomes import read_outcomes
from ...journal.reader import read_run
from ...model.atomic_files import replace_file
from ...model.records import Run
from ...model.text import printable
from ...queries.run_counts import count_run
from ...settings import load_settings

T = TypeVar("T")


def report_on(
    runs: Sequence[Run],
    formats: Iterable[str],
    *,
    contexts: str | None = None,
    output: str | None = None,
    fail_under: float | None = None,
) -> int:
    """Report on ``runs``; return 2 if the total is below ``fail_under``, else 0."""
    with open_reports(runs, contexts=contexts) as reports:
        for warning in reports.warnings:
            warn(warning)
        for report_format in formats:
            write_report(reports, report_format, output)
        return check_fail_under(reports, fail_under)


def read_runs(data_dir: str, selection: str) -> list[Run]:
    """The runs that ``selection`` names; unreadable records are reported on standard error."""
    directory = DataDir(data_dir)
    for path in directory.foreign_files():
        warn(f"{path}: not a file of Flask-LiveCoverage, skipped")
    runs = [read_run(folder) for folder in directory.select(selection)]
    for found in runs:
        for warning in found.warnings:
            warn(warning)
    return runs


def write_report(reports: Reports, report_format: str, output: str | None = None) -> None:
    """Print a report, or write it to ``output`` or where the user's configuration says; ``-`` is standard output."""
    if report_format == "html":
        if output == "-":
            raise ConfigurationError("the HTML report is a folder of files: name one with --output")
        with _writing(output or "the HTML report", "--output"):
            page = reports.html(Path(output) if output else None)
        click.echo(f"Wrote HTML report to {page}")
    elif report_format == "coverage":
        _write(
            reports.data(), Path(output) if output else reports.default_output("run:data_file"), "coverage data", output
        )
    elif report_format in _FILES:
        path = Path(output) if output else reports.default_output(f"{report_format}:output")
        _write(_FILES[report_format](reports).encode(), path, f"{report_format.upper()} report", output)
    elif report_format == "badge":
        _write(_badge(reports).encode(), Path(output or "coverage.svg"), "badge", output)
    elif report_format == "github":
        _write_for_github(reports, output)
    else:
        text = reports.text(show_missing=report_format == "term-missing", markdown=report_format == "markdown")
        if output in (None, "-"):
            click.echo(text, nl=False)
        else:
            _write(text.encode(), Path(str(output)), f"{report_format} report", output)


_FILES: dict[str, Callable[[Reports], str]] = {"xml": Reports.xml, "lcov": Reports.lcov, "json": Reports.json}


def _badge(reports: Reports) -> str:
    totals = reports.json_object()["totals"]
    return badge(totals["percent_covered"], totals["percent_covered_display"])


def _write_for_github(reports: Reports, output: str | None) -> None:
    """Add a summary to that of the step of GitHub Actions, or write it to ``output``, and print annotations."""
    report = reports.json_object()
    markdown = github_report.summary(report)
    if output == "-":
        click.echo(markdown)
    elif output:
        _write(f"{markdown}\n".encode(), Path(output), "summary", output)
    else:
        _write_summary(markdown)
    for command in github.annotation_commands(github_report.missing_annotations(report, reports.folder)):
        click.echo(command)
    if output != "-":
        click.echo(github_report.total_line(report))


def _write_summary(markdown: str) -> None:
    with _writing("the summary of the step", "--output"):
        written = github.write_summary(markdown)
    if not written:
        reason = "has no room left" if os.environ.get(github.SUMMARY_VARIABLE) else "is not set"
        warn(f"no summary is written, because {github.SUMMARY_VARIABLE} {reason}: name a file with --output")


def _write(content: bytes, path: Path, what: str, output: str | None) -> None:
    if output == "-":
        click.echo(content, nl=False)
        return
    write_file(path, content, "--output")
    click.echo(f"Wrote {what} to {path}")


def write_file(path: Path | str, content: bytes, option: str) -> None:
    """Replace the file at ``path``, which is the value of ``option``. Raises ServerError if that fails."""
    with _writing(path, option):
        replace_file(path, content)


@contextmanager
def _writing(what: Path | str, option: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServerError(f"cannot write {what} ({error.strerror}): choose another path with {option}") from None


def check_fail_under(reports: Reports, fail_under: float | None) -> int:
    """Return 2, with a message, if the total is below ``fail_under`` (default: the configured one), else 0."""
    below = reports.fail_under_message(fail_under)
    if below is None:
        return 0
    click.echo(below, err=True)
    return 2


def warn(message: str) -> None:
    """Print a warning."""
    click.echo(f"Warning: {printable(message)}", err=True)


# Live servers


def shut_down(url: str) -> str:
    """Shut the server at ``url`` down and return its answer. Raises ServerError if there is none."""
    return _ask(url + load_settings({}).shutdown_url, lambda address: fetch(address, method="POST")).decode().strip()


def live_status(url: str) -> dict[str, Any]:
    """The state of the server at ``url``. Raises ServerError if there is none."""
    return _ask(f"{url}{load_settings({}).url_prefix}/status", fetch_json)


def _ask(address: str, ask: Callable[[str], T]) -> T:
    try:
        return ask(address)
    except OSError as error:
        raise ServerError(f"no server answers at {address} ({getattr(error, 'reason', error)})") from None


def recorded_status(data_dir: str, selection: str) -> list[dict[str, Any]]:
    """The state of the runs that ``selection`` names."""
    return [_status_of(run, data_dir) for run in read_runs(data_dir, selection)]


def _status_of(run: Run, data_dir: str) -> dict[str, Any]:
    process = run.processes[0] if run.processes else None
    counts = count_run(run)
    tests = {request.test for request in run.requests if request.test}
    return {
        "run": run.id,
        "data_dir": os.path.abspath(data_dir),
        "engine": process.engine if process else None,
        "reason": process.reason if process else None,
        "branch": run.branch,
        "processes": counts.processes,
        "requests": counts.requests,
        "traces": counts.traces,
        "tests": len(tests | read_outcomes(DataDir(data_dir).run(run.id)).outcomes.keys()),
        "windows": len(run.windows),
        "lost": counts.lost,
    }
