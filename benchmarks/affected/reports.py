"""Writes the outcome of each test as a line of JSON: a plugin for pytest (``-p benchmarks.affected.reports``).

The file is named by the variable ``AFFECTED_REPORTS``. A test that takes longer than ``AFFECTED_SECONDS`` fails.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from typing import Any, TextIO

import pytest

FILE_VARIABLE = "AFFECTED_REPORTS"
SECONDS_VARIABLE = "AFFECTED_SECONDS"

# From the worst to the best: a test whose tear-down fails has failed.
OUTCOMES = ("timeout", "error", "failed", "skipped", "passed")


class TookTooLongError(BaseException):
    """A test took too long. An application that catches all of its errors does not catch this one."""


class Reporter:
    """Writes a line when a test begins, and one with its outcome when it has ended."""

    def __init__(self, file: TextIO, seconds: float) -> None:
        self._file = file
        self._seconds = seconds
        self._outcome = "passed"
        self._timed_out = False

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Measure a test, and end it if it takes too long."""
        self._outcome, self._timed_out = "passed", False
        self._write(name=item.nodeid, outcome=None)
        began = time.perf_counter()
        try:
            return (yield from self._limited())
        finally:
            outcome = "timeout" if self._timed_out else self._outcome
            self._write(name=item.nodeid, outcome=outcome, seconds=round(time.perf_counter() - began, 6))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst outcome of a test's phases."""
        outcome = "error" if report.failed and report.when != "call" else report.outcome
        self._outcome = min(self._outcome, outcome, key=OUTCOMES.index)

    def _limited(self) -> Iterator[Any]:
        if not self._seconds:
            return (yield)
        signal.signal(signal.SIGALRM, self._end)
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            return (yield)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _end(self, *_: object) -> None:
        self._timed_out = True
        raise TookTooLongError

    def _write(self, **line: object) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def pytest_configure(config: pytest.Config) -> None:
    """Report if a file is named."""
    name = os.environ.get(FILE_VARIABLE)
    if name:
        # Open until the process ends.
        file = open(name, "a")  # noqa: SIM115
        config.pluginmanager.register(Reporter(file, float(os.environ.get(SECONDS_VARIABLE, "0"))))
