"""The benchmarks run; what they measure is not tested here."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

from benchmarks.comparison.workloads import LARGE_VARIABLE
from benchmarks.comparison.workloads.generated import write_application
from benchmarks.comparison.wrk import find_wrk
from benchmarks.dashboard.cost import SERVERS, cost_of

from .support import REPOSITORY


def run(name: str, *options: str) -> str:
    """Run a benchmark; its standard output."""
    command = [sys.executable, "-m", f"benchmarks.{name}", *options]
    result = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.parametrize("shape", ["routes", "random"])
def test_minimise(shape: str) -> None:
    output = run("minimise", "--members", "500", "--line-sets", "40", "--lines", "2000", "--shape", shape)
    assert output.startswith("500 tests, 40 sets of lines, 2000 lines")
    assert "460 duplicates" in output
    assert output.count(", optimal") == 2


def test_store() -> None:
    output = run("store", "--requests", "600", "--traces", "20", "--journals", "3", "--rounds", "1")
    assert "20 distinct traces in 3 journals" in output
    assert re.search(r"^requests +600$", output, re.MULTILINE)
    assert "who ran a line" in output


def test_dashboard() -> None:
    sizes = ("--files", "9", "--requests", "200", "--traces", "12", "--rounds", "1", "--seconds", "0")
    output = run("dashboard", *sizes, "--page", "overview", "--page", "source")
    assert output.startswith("Python")
    assert [line.split()[0] for line in output.splitlines()[-2:]] == ["overview", "source"]


@pytest.mark.skipif(not find_wrk(), reason="wrk is not installed")
def test_dashboard_open(tmp_path: Path) -> None:
    command = SERVERS["livecov serve"]
    rate, ratio, _, updates = cost_of(command, tmp_path, 2, 1.0)
    assert float(rate.replace(",", "")) > 0
    assert float(ratio.split()[0]) > 0
    assert updates > 0


@pytest.mark.parametrize("options", [(), ("--beside",)])
def test_keploy(options: tuple[str, ...]) -> None:
    output = run("keploy", "--tests", "10", *options)
    assert [line.partition(" median ")[0].strip() for line in output.splitlines()] == [
        "all", "the first tenth", "the last tenth",
    ]  # fmt: skip


def test_soak() -> None:
    output = run("soak", "--minutes", "0.05", "--clients", "2")
    assert re.search(r"^wrong lines +0$", output, re.MULTILINE)
    assert not re.search(r"^requests +0 ", output, re.MULTILINE)


def test_affected(tmp_path: Path) -> None:
    """A selection of no tests at all is reported as missing those that fail."""
    command = [sys.executable, "-m", "benchmarks.affected", "--application", "example", "--mutants", "6"]
    command += ["--scratch", str(tmp_path), "--judge"]
    wrong = subprocess.run([*command, "none"], cwd=REPOSITORY, capture_output=True, text=True)
    assert (wrong.returncode, "Error: tests were missed:\nexample " in wrong.stderr) == (1, True), wrong.stderr

    right = subprocess.run([*command, "all"], cwd=REPOSITORY, capture_output=True, text=True)
    assert right.returncode == 0, right.stderr
    mutants = json.loads((tmp_path / "affected.json").read_text())["mutants"]
    assert [mutant["number"] for mutant in mutants] == [0, 1, 2, 3, 4, 5]
    assert any(mutant["changed"] for mutant in mutants)
    assert "No test was missed." in (tmp_path / "affected.md").read_text()


def test_every_module_is_imported(tmp_path: Path) -> None:
    """Also those that only the processes of a long benchmark import."""
    names = [
        ".".join(path.relative_to(REPOSITORY).with_suffix("").parts)
        for path in sorted((REPOSITORY / "benchmarks").rglob("*.py"))
        if path.name != "__init__.py"
    ]
    script = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)"
    environ = {**os.environ, LARGE_VARIABLE: str(write_application(tmp_path)), "PYTHONPATH": str(REPOSITORY)}
    command = [sys.executable, "-c", script]
    # In an empty folder: an application makes its database where it is imported.
    result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


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
