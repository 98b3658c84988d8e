"""The benchmarks run; what they measure is not tested here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

from .support import REPOSITORY


def test_minimise() -> None:
    sizes = ("--members", "500", "--line-sets", "40", "--lines", "2000")
    for shape in ("routes", "random"):
        result = subprocess.run(
            [sys.executable, str(REPOSITORY / "benchmarks" / "minimise.py"), *sizes, "--shape", shape],
            capture_output=True,
            text=True,
        )

        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("500 tests, 40 sets of lines, 2000 lines")
        assert "460 duplicates" in result.stdout
        assert result.stdout.count(", optimal") == 2


def test_store() -> None:
    sizes = ("--requests", "600", "--traces", "20", "--journals", "3", "--rounds", "1")
    result = subprocess.run(
        [sys.executable, str(REPOSITORY / "benchmarks" / "store.py"), *sizes], capture_output=True, text=True
    )

    assert (result.returncode, result.stderr) == (0, "")
    assert "20 distinct traces in 3 journals" in result.stdout
    assert re.search(r"^requests +600$", result.stdout, re.MULTILINE)
    assert "who ran a line" in result.stdout


def test_comparison(tmp_path: Path) -> None:
    options = ["--quick", "--work", "trivial", "--output", str(tmp_path / "out")]
    for contestant in ("livecov", "coverage-ctrace", "trace"):
        options += ["--contestant", contestant]
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.comparison", *options], cwd=REPOSITORY, capture_output=True, text=True
    )

    assert (result.returncode, result.stdout) == (0, ""), result.stderr
    [(python, measured)] = json.loads((tmp_path / "out" / "results.json").read_text())["pythons"].items()
    assert [
        (cell["level"], cell["contestant"])
        for cell in measured["throughput"]
        if cell["error"] is None and cell["rounds"]
    ] == list(product(["wsgi-1", "wsgi-4"], ["bare", "livecov", "coverage-ctrace", "trace"]))
    report = (tmp_path / "out" / "results.md").read_text()
    assert f"**Python {python}, WSGI callable, four threads**" in report
    assert "What was wanted, and what is reached" in report
    chart = (tmp_path / "out" / "performance" / f"throughput-{python}-wsgi-1.svg").read_text()
    assert "Flask-LiveCoverage" in chart
    assert "<script" not in chart
