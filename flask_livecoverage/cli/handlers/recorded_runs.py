"""The work of ``runs`` and ``prune``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from ...journal.data_dir import DataDir
from ...journal.retention import is_live, surplus
from ...journal.run_folder import RunFolder
from ...model.run_facts import short_commit
from ...model.text import abridged, counted, printable, size_text
from ...queries.run_list import RunSummary, list_runs
from ...queries.run_removal import remove_runs
from ...settings import load_settings
from ...sources.coveragepy import StatementAnalyser
from .answers import table, time_text
from .opening import synchronise
from .reporting import warn

Row = dict[str, Any]


def show_runs(data_dir: str, output_format: str) -> None:
    """Print the runs, newest first. Raises DataError if there are none."""
    directory = DataDir(data_dir)
    analyser = StatementAnalyser()
    runs = list(_summaries(directory, reversed(directory.select("all")), analyser))
    if output_format == "json":
        click.echo(json.dumps([_row(run) for run in runs]))
        return
    click.echo(_table(runs, analyser))
    if any(run.live for run in runs):
        click.echo("\nLive: a process records into it.")
    if any(run.executed is None for run in runs):
        click.echo("\n?: not all of its files' contents were kept, so their statements cannot be counted.")


def _summaries(directory: DataDir, runs: Iterable[RunFolder], analyser: StatementAnalyser) -> Iterator[RunSummary]:
    return list_runs(directory, runs, load_settings({}).store, analyser, synchronise)


def _row(run: RunSummary) -> Row:
    tree, command = run.facts.tree, run.facts.command
    return {
        "id": run.id,
        "started_at": run.started_at,
        "duration_ms": run.duration_ms,
        "command": command and command.line,
        "status": command and command.status,
        "commit": tree and tree.commit,
        "branch": tree and tree.branch,
        "dirty": tree and tree.dirty,
        "tests": run.tests,
        "failed": run.failed,
        "requests": run.requests,
        "percent": run.percent,
        "processes": run.processes,
        "bytes": run.bytes,
        "live": run.live,
    }


def _table(runs: Sequence[RunSummary], analyser: StatementAnalyser) -> str:
    numbers = ("Tests", "Failed", "Requests", "Cover", "Size", "Status")
    headers = ("Run", "Started", "Commit", "Branch", *numbers, "Command")
    return table(headers, (_cells(run, analyser) for run in runs), right=numbers)


def _cells(run: RunSummary, analyser: StatementAnalyser) -> Sequence[Any]:
    tree, command = run.facts.tree, run.facts.command
    return (
        run.id,
        time_text(run.started_at) if run.started_at else None,
        tree and tree.commit and f"{short_commit(tree.commit)}{'+' if tree.dirty else ''}",
        tree and tree.branch,
        run.tests,
        run.failed,
        run.requests,
        _cover(run, analyser),
        size_text(run.bytes),
        "live" if run.live else command and command.status,
        command and abridged(printable(command.line)),
    )


def _cover(run: RunSummary, analyser: StatementAnalyser) -> str | None:
    if run.executed is None:
        return "?"
    return f"{analyser.percent(run.executed, run.statements)}%" if run.statements else None


# Removal


def prune(keep: int | None, older_than: float | None, yes: bool, data_dir: str, output_format: str) -> None:
    """List the runs that are neither among the newest ``keep`` nor began since ``older_than``; ask; remove them.

    Without either, the runs that ``LIVECOVERAGE_KEEP_RUNS`` does not keep.
    """
    directory = DataDir(data_dir)
    runs = directory.runs()
    if keep is None and older_than is None:
        # The runs that the beginning of another one would remove.
        keep = load_settings({}).keep_runs
        found = surplus(runs, keep) if keep else []
    else:
        old = runs[: max(0, len(runs) - (keep or 0))]
        found = [run for run in old if older_than is None or run.last_start() < older_than]
    live = [run.id for run in found if is_live(run)]
    found = [run for run in found if run.id not in live]
    for name in live:
        _warn_of_live(name)
    if output_format == "json":
        _remove_for_program(directory, found, yes=yes)
    elif not found:
        click.echo("No runs to remove.")
    else:
        _list(directory, found)
        if yes or click.confirm(f"Remove {counted(len(found), 'run')}?"):
            click.echo(f"Removed {counted(len(_remove(directory, found)), 'run')}.")


def _remove_for_program(directory: DataDir, runs: Sequence[RunFolder], *, yes: bool) -> None:
    """Print the runs as JSON; they are removed with ``yes`` alone, because a program cannot be asked."""
    if yes:
        runs = _remove(directory, runs)
    click.echo(json.dumps({"removed": yes, "runs": [run.id for run in runs]}))


def _remove(directory: DataDir, runs: Sequence[RunFolder]) -> Sequence[RunFolder]:
    """Remove ``runs``, and return those that were removed."""
    removed = remove_runs(directory, runs, load_settings({}).store) if runs else []
    for run in runs:
        if run not in removed:
            _warn_of_live(run.id)
    return removed


def _warn_of_live(name: str) -> None:
    warn(f"the run {printable(name)} is being recorded: it stays")


def _list(directory: DataDir, runs: Sequence[RunFolder]) -> None:
    # A folder of a server that did not start has no journals.
    recorded = [run for run in reversed(runs) if run.journals()]
    if recorded:
        analyser = StatementAnalyser()
        click.echo(_table(list(_summaries(directory, recorded, analyser)), analyser))
    empty = [run.id for run in runs if not run.journals()]
    if empty:
        click.echo(f"Without any record: {', '.join(map(printable, empty))}")
