"""The work of ``patch``: read a change and what was recorded, print the coverage of the change, and check it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from textwrap import indent
from typing import Any

import click
from tabulate import tabulate

from ...errors import ConfigurationError
from ...journal.data_dir import DataDir
from ...model.run_facts import short_commit
from ...model.text import printable
from ...queries.covered_files import read_coverage
from ...queries.patch import LocatedDiff, PatchedFile, Unjudged, cover_patch
from ...repository.bases import find_base
from ...repository.diffs import parse_diff
from ...repository.history import Repository
from ...sources.coveragepy import StatementAnalyser
from .answers import table
from .change_rows import PatchAnswer, file_row, grouped, missing_ranges, renamed, shortened, summary, unjudged_text
from .opening import open_selected
from .reporting import warn

# The characters for names of tests in a row, and the most names of files in a line.
_WIDTH = 80
_SHOWN_FILES = 5


def patch(
    data_dir: str,
    selection: str,
    *,
    base: str | None,
    diff_path: str | None,
    minimum: float | None,
    output_format: str,
) -> int:
    """Print the coverage of a change; return 2 if it is below ``minimum`` or cannot be judged against it, else 0."""
    answer = _find(data_dir, selection, base, diff_path)
    for one in answer.patch.unjudged:
        warn(unjudged_text(one))
    if output_format == "json":
        click.echo(json.dumps(json_object(answer)))
    elif output_format == "text":
        for part in _text(answer):
            click.echo(part)
    else:
        from . import change_markdown

        parts = change_markdown.annotate(answer) if output_format == "github" else [change_markdown.comment(answer)]
        for part in parts:
            click.echo(part)
    return _check(answer, minimum)


def _find(data_dir: str, selection: str, base: str | None, diff_path: str | None) -> PatchAnswer:
    located, commit, since = _from_git(base) if diff_path is None else read_diff(diff_path)
    folders = DataDir(data_dir).select(selection, tested=True, whole=True)
    names = [folder.id for folder in folders]
    # By its id, because a newer one may begin meanwhile.
    with open_selected(data_dir, names[0] if len(names) == 1 else selection, whole=True) as stored:
        if not stored.queries.requests.count() and not stored.unaffected.tests:
            raise ConfigurationError(
                f"run {', '.join(names)} has no requests, so nothing of the change was tested: record with `flask "
                "--app APP livecov run -- COMMAND`, or choose another one with --run ID"
            )
        found = cover_patch(stored.queries, located, read_coverage(stored, located.paths))
        return PatchAnswer(found, commit, since, names, StatementAnalyser())


def _from_git(ref: str | None) -> tuple[LocatedDiff, str, str]:
    repository = Repository.find(Path())
    base = find_base(repository, ref)
    diff = parse_diff(repository.diff(base.commit), "git's diff")
    name = f" ({'branched off ' if base.branched_off else ''}{base.ref})"
    since = short_commit(base.commit) + ("" if base.commit.startswith(base.ref) else name)
    return LocatedDiff(diff, str(repository.top)), base.commit, f"since {since}"


def read_diff(path: str) -> tuple[LocatedDiff, None, str]:
    """Return the diff in a file, or on standard input (``-``), and words for people. Raises ConfigurationError."""
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise ConfigurationError(f"--diff {path} cannot be read ({error.strerror}): name a file, or -") from None
    name = "standard input" if path == "-" else path
    folders = [os.getcwd()]
    with suppress(ConfigurationError):
        # git writes paths relative to the top folder, wherever it is run.
        folders.insert(0, str(Repository.find(Path()).top))
    located = LocatedDiff(parse_diff(content, name), folders[0], folders)
    located.check()
    return located, None, f"in {name}"


# The gate


def _check(answer: PatchAnswer, minimum: float | None) -> int:
    if minimum is None:
        return 0
    found = answer.patch
    if found.unjudged:
        click.echo(
            "Coverage failure: not all of the change can be judged against "
            f"--minimum {minimum:g}: {_remedy(found.unjudged)}",
            err=True,
        )
        return 2
    if found.percent is None or not answer.analyser.is_below(found.percent, minimum):
        return 0
    percent = answer.percent(found.covered, found.statements)
    click.echo(f"Coverage failure: {percent} of the changed statements is less than --minimum {minimum:g}", err=True)
    return 2


def _remedy(unjudged: Sequence[Unjudged]) -> str:
    """The next step: a newer record does not help if the diff or the files are not right."""
    if all(one.is_outdated for one in unjudged):
        return "record the suite again"
    return "see the reasons above" + (
        ", and record the suite again" if any(one.is_outdated for one in unjudged) else ""
    )


# Output


def json_object(answer: PatchAnswer) -> dict[str, Any]:
    """The answer as an object for JSON."""
    found = answer.patch
    return {
        "base": answer.base,
        "runs": list(answer.runs),
        "statements": found.statements,
        "covered": found.covered,
        "percent": found.percent,
        "files": {file.path: _file_object(file) for file in found.files},
        "unjudged": [{"path": one.path, "statements": one.statements, "reason": one.reason} for one in found.unjudged],
        "unmeasured": list(found.unmeasured),
    }


def _file_object(file: PatchedFile) -> dict[str, Any]:
    return {
        "old_path": file.old_path,
        "executed_lines": file.executed_lines,
        "missing_lines": file.missing_lines,
        "moved_lines": [statement.line for statement in file.statements if statement.moved],
        "continued_lines": [statement.line for statement in file.continued],
        "tests": {
            statement.line: list(statement.users.tests)
            for statement in (*file.statements, *file.continued)
            if statement.executed
        },
    }


def _text(answer: PatchAnswer) -> Iterator[str]:
    found = answer.patch
    if found.statements:
        yield f"Changed statements {answer.since}; run {', '.join(answer.runs)}.\n"
        yield _table(answer)
    else:
        yield f"{summary(answer)} {answer.since}."
    for file in found.files:
        yield f"\n{printable(file.path)}{renamed(file)}"
        rows = [(lines, printable(state)) for lines, state in grouped(file, _WIDTH)]
        yield indent(tabulate(rows, tablefmt="plain", disable_numparse=True), "   ")
    if found.unmeasured:
        yield f"\nNot measured: {printable(shortened(found.unmeasured, _SHOWN_FILES))}."


def _table(answer: PatchAnswer) -> str:
    found = answer.patch
    numbers = ("Statements", "Missed", "Cover")
    rows: list[tuple[Any, ...]] = [(*file_row(answer, file), missing_ranges(file)) for file in found.files]
    missed = found.statements - found.covered
    total = ("Total", found.statements, missed, answer.percent(found.covered, found.statements), "")
    return table(("File", *numbers, "Missing"), [*rows, total] if len(rows) > 1 else rows, right=numbers)
