"""The report for GitHub Actions: a summary of the step, and annotations of the lines that were not executed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ..model.text import abridged, counted, printable
from ..sources.coveragepy import format_lines
from .github import Annotation, markdown_code

WORKSPACE_VARIABLE = "GITHUB_WORKSPACE"

# A row has less than a kilobyte, so all of them together are far below GitHub's limit for a summary.
_SHOWN_FILES = 300
_SHOWN_PATH = 150
_SHOWN_LINES = 120

_HEAD = "| File | Statements | Missing | Cover | Missing lines |\n| :-- | --: | --: | --: | :-- |"

# Of coverage.py's JSON report.
_File = Mapping[str, Any]


def summary(report: Mapping[str, Any]) -> str:
    """Return Markdown about coverage.py's JSON ``report``: the total, and the files with missing lines."""
    parts = [f"### Coverage: {report['totals']['percent_covered_display']}%", total_line(report)]
    files = _by_importance(report)
    if files:
        parts.append("\n".join([_HEAD, *(_row(path, file) for path, file in files[:_SHOWN_FILES])]))
    if len(files) > _SHOWN_FILES:
        parts.append(f"… and {counted(len(files) - _SHOWN_FILES, 'more file')} with missing lines.")
    complete = len(report["files"]) - len(files)
    if complete:
        parts.append(f"{complete:,} file{' is' if complete == 1 else 's are'} covered completely.")
    return "\n\n".join(parts)


def total_line(report: Mapping[str, Any]) -> str:
    """Return a sentence with the total of a JSON ``report``, for the log."""
    totals = report["totals"]
    return f"{totals['covered_lines']:,} of {totals['num_statements']:,} statements were executed."


def _by_importance(report: Mapping[str, Any]) -> list[tuple[str, _File]]:
    """The files with missing lines, those with the most of them first."""
    files = [(path, file) for path, file in report["files"].items() if file["missing_lines"]]
    return sorted(files, key=lambda item: (-len(item[1]["missing_lines"]), item[0]))


def _row(path: str, file: _File) -> str:
    numbers = file["summary"]
    missing = format_lines({*file["executed_lines"], *file["missing_lines"]}, file["missing_lines"])
    shown = markdown_code(abridged(printable(path), _SHOWN_PATH).replace("`", "'"))
    counts = f"{numbers['num_statements']:,} | {numbers['missing_lines']:,} | {numbers['percent_covered_display']}%"
    return f"| {shown} | {counts} | {abridged(missing, _SHOWN_LINES)} |"


def missing_annotations(
    report: Mapping[str, Any], folder: str, environ: Mapping[str, str] = os.environ
) -> list[Annotation]:
    """Return an annotation for each part of a file that was not executed, the most important files and parts first.

    The report's paths are relative to ``folder``, those of annotations to the repository's.
    """
    return [
        _annotation(_in_repository(path, folder, environ), lines)
        for path, file in _by_importance(report)
        for lines in sorted(_parts(file), key=lambda part: (-len(part), part[0]))
    ]


def _parts(file: _File) -> Iterator[list[int]]:
    """The missing statements, those together between which no statement was executed."""
    missing, part = set(file["missing_lines"]), list[int]()
    for line in sorted({*file["executed_lines"], *missing}):
        if line in missing:
            part.append(line)
        elif part:
            yield part
            part = []
    if part:
        yield part


def _annotation(path: str, lines: list[int]) -> Annotation:
    count = len(lines)
    message = "This statement was not executed." if count == 1 else f"These {count} statements were not executed."
    return Annotation(path, message, lines[0], lines[-1], "Not covered")


def _in_repository(path: str, folder: str, environ: Mapping[str, str]) -> str:
    absolute = os.path.normpath(os.path.join(folder, path))
    workspace = os.path.normpath(environ.get(WORKSPACE_VARIABLE) or folder)
    inside = absolute.startswith(os.path.join(workspace, ""))
    return (os.path.relpath(absolute, workspace) if inside else absolute).replace(os.sep, "/")
