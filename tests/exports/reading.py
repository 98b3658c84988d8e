"""Reports read back, with coverage.py's own means."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import coverage

from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.model.records import Run


def configure(text: str) -> None:
    Path(".coveragerc").write_text(text)


def report(*runs: Run) -> dict[str, Any]:
    with open_reports(runs) as reports:
        return reports.json_object()


def lines_by_context(data: bytes, folder: Path) -> dict[str, list[int]]:
    (folder / "data").write_bytes(data)
    found = coverage.CoverageData(str(folder / "data"))
    found.read()
    contexts: dict[str, list[int]] = {}
    for path in found.measured_files():
        for line, names in found.contexts_by_lineno(path).items():
            for name in names:
                contexts.setdefault(name, []).append(line)
    found.close()
    return {name: sorted(lines) for name, lines in contexts.items()}


def coverage_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([sys.executable, "-m", "coverage", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result
