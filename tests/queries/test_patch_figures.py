"""The figures of ``patch`` are those that diff-cover computes from the XML report and the same diff."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from typing import Any

import pytest

from ..support import REPOSITORY
from ..support.processes import Ask, Invoke
from ..support.random_edits import edit_files, record_files
from ..support.repositories import GitFolder

pytestmark = pytest.mark.promise


def diff_cover(folder: Path) -> dict[str, Any]:
    """What diff-cover prints about ``coverage.xml`` and ``change.diff``.

    Its total, the missing lines, and the percentage of each file, and the lines that are missing there.
    """
    command = [sys.executable, "-m", "diff_cover.diff_cover_tool", "coverage.xml", "--diff-file", "change.diff"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = {"statements": 0, "missing": 0, "files": {}}
    for line in done.stdout.splitlines():
        if file := re.fullmatch(r"(.*\.py) \(([\d.]+)%\)(?:: Missing lines (.*))?", line):
            found["files"][file[1]] = (float(file[2]), numbers(file[3] or ""))
        elif total := re.fullmatch(r"(Total|Missing): +(\d+) lines?", line):
            found["statements" if total[1] == "Total" else "missing"] = int(total[2])
    return found


def numbers(ranges: str) -> list[int]:
    found = []
    for part in filter(None, ranges.split(",")):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found


def patch(answer: dict[str, Any]) -> dict[str, Any]:
    """The same of the answer of ``patch``."""
    files = {}
    for path, file in answer["files"].items():
        executed, missing = len(file["executed_lines"]), file["missing_lines"]
        if executed or missing:
            files[path] = (round(100 * executed / (executed + len(missing)), 1), missing)
    return {"statements": answer["statements"], "missing": answer["statements"] - answer["covered"], "files": files}


def test_random_edits(
    tmp_path: Path, invoke: Invoke, ask: Ask, thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the example application, each with a random record of what was executed."""
    statements = 0
    seeds = range(300 if thorough else 6)
    for seed in seeds:
        folder = GitFolder(tmp_path / f"edit{seed}")
        monkeypatch.chdir(folder.path)
        source = folder.path / "example_app"
        shutil.copytree(REPOSITORY / "example_app", source, ignore=shutil.ignore_patterns("tests", "__pycache__"))
        folder.commit({".gitignore": ".livecov\ncoverage.xml\nchange.diff\n"})
        random = Random(seed)
        edit_files(source, random)
        record_files(source, random)
        assert invoke("report", "--format", "xml").status == 0
        answer = ask("patch", "--base", "main")
        folder.git("add", "--all")
        Path("change.diff").write_text(folder.git("diff", "--cached", "main") + "\n")
        assert patch(answer) == diff_cover(folder.path), f"seed {seed}"
        assert answer["unjudged"] == []
        statements += answer["statements"]
    assert statements > 5 * len(seeds)
