"""Outcomes of tests whose server is on another machine, or whose files belong to another user: by HTTP.

Tests ``pytest_plugin.outcome_log`` and ``pytest_plugin.control_requests``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal import outcomes as outcomes_file
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import append_outcome, read_outcomes
from flask_livecoverage.pytest_plugin.control_requests import ControlRoutes
from flask_livecoverage.pytest_plugin.outcome_log import OutcomeLog
from flask_livecoverage.pytest_plugin.session_report import RecordedRun, SessionReport

from ..support.servers import serving


def report_of(when: Any, outcome: Any, node_id: str = "t.py::test_a") -> pytest.TestReport:
    return pytest.TestReport(node_id, ("t.py", 1, "test_a"), {}, outcome, None, when, duration=0.25)


class TestServerOnAnotherMachine:
    ELSEWHERE = RecordedRun("/no/such/folder", "run")

    @pytest.fixture
    def url(self, tmp_path: Path) -> Iterator[str]:
        app = Flask("shop")
        app.config["TESTING"] = True
        LiveCoverage(app)
        with serving(app) as port:
            yield f"http://127.0.0.1:{port}"

    @pytest.fixture
    def log(self, tmp_path: Path) -> OutcomeLog:
        return OutcomeLog(SessionReport(), tmp_path)

    def test_is_asked_to_record(self, url: str, log: OutcomeLog, tmp_path: Path) -> None:
        log.set_collected(["t.py::test_a"], {})
        log.add("before", report_of("teardown", "passed"))
        log.connect(self.ELSEWHERE, ControlRoutes(url))
        log.set_files("é[→]", ("t.py", "é/conftest.py"))
        for when in ("setup", "call", "teardown"):
            log.add("é[→]", report_of(when, "failed" if when == "call" else "passed"))
        log.set_files("long", tuple(f"{number}/conftest.py" for number in range(5000)))
        log.add("long", report_of("teardown", "passed"))

        (run,) = DataDir(tmp_path / ".livecov").runs()
        found = read_outcomes(run)
        assert {test: (one.outcome, one.duration_ms, list(one.files)) for test, one in found.outcomes.items()} == {
            "before": ("passed", 250.0, []),
            "é[→]": ("failed", 750.0, ["t.py", "é/conftest.py"]),
            # More than the server reads: these files are not known.
            "long": ("passed", 250.0, []),
        }
        assert found.collections == []

    def test_files_of_another_user(self, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """They are on this machine, and only the server may write them."""
        run = ControlRoutes(url).status()["run"]

        def refuse(*arguments: object) -> None:
            raise StorageError("not permitted") from PermissionError(13, "Permission denied")

        report = SessionReport()
        log = OutcomeLog(report, tmp_path)
        log.connect(RecordedRun(str(tmp_path / ".livecov"), run), ControlRoutes(url))
        with monkeypatch.context() as patch:
            # The server runs in this process.
            patch.setattr(outcomes_file, "append_outcome", refuse)
            patch.setattr("flask_livecoverage.control.reported_outcomes.append_outcome", append_outcome)
            log.add("a", report_of("teardown", "passed"))
        assert report.unrecorded_outcomes == {}
        assert list(read_outcomes(DataDir(tmp_path / ".livecov").run(run)).outcomes) == ["a"]

    def test_is_gone(self) -> None:
        report = SessionReport()
        log = OutcomeLog(report, Path("/suite"))
        log.connect(self.ELSEWHERE, ControlRoutes("http://127.0.0.1:1"))
        for test in ("a", "b"):
            log.add(test, report_of("teardown", "passed"))
        assert report.unrecorded_outcomes == {"[Errno 111] Connection refused": 2}
        report.recordings.append(self.ELSEWHERE)
        assert next(report.summary(None, 0)) == (
            "WARNING: the outcome of 2 tests could not be recorded ([Errno 111] Connection refused)"
        )

    def test_times_out_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked = []

        def record(self: ControlRoutes, outcome: object) -> None:
            asked.append(outcome)
            raise TimeoutError("timed out")

        monkeypatch.setattr(ControlRoutes, "record", record)
        report = SessionReport()
        log = OutcomeLog(report, Path("/suite"))
        log.connect(self.ELSEWHERE, ControlRoutes("http://127.0.0.1:1"))
        for test in ("a", "b", "c"):
            log.add(test, report_of("teardown", "passed"))
        assert (len(asked), report.unrecorded_outcomes) == (1, {"timed out": 3})
