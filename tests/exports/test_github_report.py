"""The report for GitHub, compared with coverage.py's JSON report."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.exports.github import MAX_SUMMARY
from flask_livecoverage.exports.github_report import missing_annotations, summary, total_line
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.model.records import Run

from ..support.runs import SOURCE, STARTUP, make_run, trace


def report_of(files: dict[str, tuple[list[int], list[int]]]) -> dict[str, Any]:
    """A report of files with these executed and missing lines."""
    found = {}
    for path, (executed, missing) in files.items():
        numbers = {
            "num_statements": len(executed) + len(missing),
            "missing_lines": len(missing),
            "percent_covered_display": "50",
        }
        found[path] = {"executed_lines": executed, "missing_lines": missing, "summary": numbers}
    totals = {"covered_lines": 1, "num_statements": 2, "percent_covered_display": "50"}
    return {"files": found, "totals": totals}


def test_of_a_run(run: Run, tmp_path: Path) -> None:
    with open_reports([run]) as reports:
        report = reports.json_object()
        found = missing_annotations(report, reports.folder, {})
    assert summary(report).splitlines() == [
        "### Coverage: 86%",
        "",
        "6 of 7 statements were executed.",
        "",
        "| File | Statements | Missing | Cover | Missing lines |",
        "| :-- | --: | --: | --: | :-- |",
        "| `app.py` | 7 | 1 | 86% | 11 |",
    ]
    (line,) = (number for number, text in enumerate(SOURCE.splitlines(), 1) if "os.name" in text)
    assert [one.command("warning") for one in found] == [
        f"::warning file=app.py,line={line},endLine={line},title=Not covered::This statement was not executed."
    ]


def test_lines_without_a_statement_do_not_divide_a_part(source: Path, tmp_path: Path) -> None:
    run = make_run(ambient=[trace(source, STARTUP)], root=tmp_path)
    with open_reports([run]) as reports:
        found = missing_annotations(reports.json_object(), reports.folder, {})
    assert [(one.line, one.end_line, one.message) for one in found] == [
        (5, 7, "These 3 statements were not executed."),
        (11, 11, "This statement was not executed."),
    ]


@given(st.sets(st.integers(1, 60)), st.sets(st.integers(1, 60)))
def test_each_missing_line_is_in_one_part_and_no_executed_one(executed: set[int], missing: set[int]) -> None:
    executed -= missing
    found = missing_annotations(report_of({"a.py": (sorted(executed), sorted(missing))}), "/srv", {})
    parts = [range(one.line or 0, (one.end_line or 0) + 1) for one in found]
    assert {line for part in parts for line in part} & executed == set()
    assert sorted(line for part in parts for line in part if line in missing) == sorted(missing)
    # Two parts would be one if nothing was executed between them.
    ordered = sorted(parts, key=lambda part: part.start)
    assert all(executed & {*range(one.stop, other.start)} for one, other in pairwise(ordered))


def test_the_most_important_come_first() -> None:
    report = report_of({"few.py": ([1], [2]), "most.py": ([2, 7], [1, 3, 4, 8]), "none.py": ([1], [])})
    found = missing_annotations(report, "/srv", {})
    assert [(one.path, one.line, one.end_line) for one in found] == [
        ("most.py", 3, 4), ("most.py", 1, 1), ("most.py", 8, 8), ("few.py", 2, 2),
    ]  # fmt: skip
    text = summary(report)
    assert text.index("most.py") < text.index("few.py")
    assert text.endswith("\n\n1 file is covered completely.")
    assert total_line(report) == "1 of 2 statements were executed."


@pytest.mark.parametrize(
    ("path", "workspace", "expected"),
    [
        ("app.py", "/srv/repository", "service/app.py"),
        ("../lib/app.py", "/srv/repository", "lib/app.py"),
        ("app.py", "", "app.py"),
        ("app.py", "/elsewhere", "/srv/repository/service/app.py"),
        ("/lib/app.py", "/srv/repository", "/lib/app.py"),
    ],
)
def test_paths_are_those_of_the_repository(path: str, workspace: str, expected: str) -> None:
    report = report_of({path: ([], [1])})
    (found,) = missing_annotations(report, "/srv/repository/service", {"GITHUB_WORKSPACE": workspace})
    assert found.path == expected


def test_summary_is_within_the_limit() -> None:
    lines = list(range(1, 4000, 2))
    name = os.sep.join(["folder|`name`"] * 40)
    report = report_of({f"{name}/{number}.py": (lines, [line + 1 for line in lines]) for number in range(400)})
    text = summary(report)
    assert len(text.encode()) < MAX_SUMMARY
    assert "… and 100 more files with missing lines." in text
