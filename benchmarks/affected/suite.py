"""Runs the suite of an application and reads the outcomes of its tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from .applications import Application

REPOSITORY = Path(__file__).parents[2]
# A test may take so much longer than it did, and so many seconds.
LONGER, MORE_SECONDS = 10.0, 3.0
# All together: after that, the tests that remain are run in a new process.
SUITE_SECONDS = 60.0
MAX_PROCESSES = 5


@dataclass
class Outcomes:
    """The outcomes of the tests of one run, and their seconds; ``problem`` is why the application did not start."""

    tests: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    problem: str | None = None
    cut_short: bool = False

    def add(self, file: Path) -> None:
        """Add what a run has written. A test that did not end took too long."""
        for line in file.read_text().splitlines() if file.exists() else ():
            report = json.loads(line)
            self.tests[report["name"]] = report["outcome"] or "timeout"
            self.seconds[report["name"]] = report.get("seconds", SUITE_SECONDS)


class WarmSuite:
    """The suite in a process that has imported pytest and Flask."""

    def __init__(self, process: subprocess.Popen[str], scratch: Path) -> None:
        self._process = process
        self._reports = scratch / "reports.jsonl"
        self._errors = scratch / "errors.txt"

    def run(self, tests: Sequence[str], longest: float) -> Outcomes:
        """Run the whole suite, which had ``tests``; the longest took so many seconds when nothing was changed."""
        return self._run([], tests, longest)

    def run_alone(self, test: str, longest: float) -> Outcomes:
        """Run one test in a process of its own."""
        return self._run([test], [test], longest)

    def _run(self, first: Sequence[str], tests: Sequence[str], longest: float) -> Outcomes:
        outcomes = Outcomes()
        for _ in range(MAX_PROCESSES):
            ended = self._run_once(first, LONGER * longest + MORE_SECONDS, outcomes)
            # Where a test hung for good, or ended the process, go on with those after it.
            first = [test for test in tests if test not in outcomes.tests]
            if ended or outcomes.problem is not None or not first:
                return outcomes
        outcomes.cut_short = True
        return outcomes

    def _run_once(self, tests: Sequence[str], seconds: float, outcomes: Outcomes) -> bool:
        self._reports.unlink(missing_ok=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {
            "tests": list(tests),
            "reports": str(self._reports),
            "errors": str(self._errors),
            "seconds": seconds,
            "limit": SUITE_SECONDS + seconds,
        }
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if not answer["started"]:
            outcomes.problem = last_line(self._errors)
            return True
        outcomes.add(self._reports)
        # A negative status: the process crashed.
        return answer["status"] is not None and answer["status"] >= 0


def last_line(file: Path) -> str:
    """The last line of a file: the error of a traceback."""
    lines = file.read_text(errors="replace").strip().splitlines() if file.exists() else []
    return lines[-1][:200] if lines else "no message"


@contextmanager
def warm_suite(application: Application, folder: Path, scratch: Path, **variables: str) -> Iterator[WarmSuite]:
    """Start the process for an application, which is in ``folder``."""
    command = [sys.executable, "-m", f"{__package__}.warm", application.name]
    with subprocess.Popen(
        command,
        cwd=folder,
        env={**environment(), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **application.variables(folder), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield WarmSuite(process, scratch)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait()


def environment() -> dict[str, str]:
    """The environment of the processes that run a suite: none of the settings of whoever runs the benchmark."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIVECOV", "PYTEST_", "FLASK_"))}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "PYTHONHASHSEED": "0", "TZ": "UTC"}
