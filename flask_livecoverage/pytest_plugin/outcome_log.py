"""Records the outcome of each test in the run of the live server."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ..errors import LiveCoverageError
from ..model.outcomes import FAILED, PASSED, SKIPPED, Outcome
from .control_requests import ControlRoutes
from .session_report import RecordedRun, SessionReport

if TYPE_CHECKING:
    from ..journal.run_folder import RunFolder

_TIMED_OUT = "timed out"

PHASES = ("setup", "call", "teardown")


class Attempt:
    """The reports of one attempt to run a test: of its set-up, of its call and its subtests, of its tear-down."""

    def __init__(self) -> None:
        self._outcomes: dict[str, str] = {}
        self._seconds: dict[str, float] = {}
        self._has_failed = False

    def add(self, report: pytest.TestReport) -> None:
        """Add a report."""
        # The test's own report comes after those of its subtests.
        self._outcomes[report.when] = report.outcome
        self._seconds[report.when] = report.duration
        self._has_failed |= report.failed

    @property
    def is_repeated(self) -> bool:
        """True if another attempt follows; so pytest-rerunfailures marks the report of the phase that has failed."""
        return "rerun" in self._outcomes.values()

    @property
    def outcome(self) -> str:
        """``failed`` if any phase has, ``skipped`` if pytest counts it as skipped or as an expected failure."""
        if self._has_failed:
            return FAILED
        return SKIPPED if SKIPPED in (self._outcomes.get("setup"), self._outcomes.get("call")) else PASSED

    @property
    def duration_ms(self) -> float:
        """The time of all phases."""
        return sum(self._seconds.values()) * 1000


class OutcomeLog:
    """Takes the reports of all tests in this process, and records the outcome of each that has ended.

    It appends to the files of the run, so that nothing is lost if the server has ended, and asks the server to do that
    if they are on another machine. Outcomes of tests that end before a server is connected are kept until then. It
    never fails: what cannot be recorded is counted in the session's report.
    """

    def __init__(self, report: SessionReport, root: Path) -> None:
        self._report = report
        self._root = str(root)
        self._attempts: dict[str, Attempt] = {}
        self._files: dict[str, tuple[str, ...]] = {}
        self._collected: Sequence[str] = ()
        self._unaffected: Mapping[str, Sequence[str]] = {}
        self._routes: ControlRoutes | None = None
        self._folder: RunFolder | None = None
        self._now: Callable[[], float] = time.time
        self._is_connected = False
        self._has_timed_out = False

    def set_collected(self, names: Sequence[str], unaffected: Mapping[str, Sequence[str]]) -> None:
        """Set the names of all tests that this session has collected.

        ``unaffected`` are those that need not run, by the ids of the runs in which they were recorded.
        """
        self._collected, self._unaffected = names, unaffected

    def set_files(self, name: str, files: tuple[str, ...]) -> None:
        """Set the files on which the test ``name`` depends."""
        self._files[name] = files

    def connect(self, run: RecordedRun, routes: ControlRoutes | None = None) -> None:
        """Record into ``run`` from now on, and what was kept until now."""
        self._folder, self._routes, self._is_connected = run.folder(), routes, True
        if self._folder is not None:
            self._now = self._folder.clock().now
        self._record_collection()
        kept, self._report.kept_outcomes = self._report.kept_outcomes, []
        for outcome in kept:
            self._record(outcome)

    def add(self, name: str, report: pytest.TestReport) -> None:
        """Add a report of the test ``name``; record its outcome if that was the last one."""
        if report.when not in PHASES:
            # Of a process that has crashed while it ran the test.
            self._record(Outcome(name, FAILED, report.duration * 1000, 0.0, self._files.pop(name, ())))
            return
        if report.when == "setup":
            self._attempts[name] = Attempt()
        attempt = self._attempts.setdefault(name, Attempt())
        attempt.add(report)
        if report.when == "teardown":
            del self._attempts[name]
            files = self._files.pop(name, ())
            if not attempt.is_repeated:
                self._record(Outcome(name, attempt.outcome, attempt.duration_ms, 0.0, files))

    def _record(self, outcome: Outcome) -> None:
        if not self._is_connected:
            self._report.kept_outcomes.append(outcome)
            return
        why_not = self._append(outcome)
        if why_not is None:
            return
        # The files may be on another machine, belong to another user, or be read-only here.
        refused = self._send(outcome)
        if refused is not None:
            self._report.unrecorded_outcomes[why_not or refused] += 1

    def _append(self, outcome: Outcome) -> str | None:
        """Append to the files of the run; return None, or the reason why not, empty if they are not here."""
        if self._folder is None:
            return ""
        from ..journal.outcomes import append_outcome
        from ..journal.storage import describe

        try:
            append_outcome(self._folder, replace(outcome, at=self._now()))
        except LiveCoverageError as error:
            # The message of the error names the test, and there may be many.
            return describe(error.__cause__) if isinstance(error.__cause__, OSError) else str(error)
        return None

    def _send(self, outcome: Outcome) -> str | None:
        """Let the server record; return None, or the reason why it did not."""
        if self._routes is None:
            return "the server has ended"
        if self._has_timed_out:
            # Further attempts would make a long suite endless.
            return _TIMED_OUT
        try:
            self._routes.record(outcome)
        except (OSError, LiveCoverageError) as error:
            reason = getattr(error, "reason", error)
            self._has_timed_out = isinstance(reason, TimeoutError)
            return _TIMED_OUT if self._has_timed_out else str(reason)
        return None

    def _record_collection(self) -> None:
        """Record the tests of this session, if the files of the run are on this machine."""
        if self._folder is None or not self._collected:
            return
        from ..journal.outcomes import Collection, append_collection

        try:
            append_collection(self._folder, Collection(self._collected, self._root, self._now(), self._unaffected))
        except LiveCoverageError:
            # The outcomes cannot be written either, and are reported.
            return
