"""The outcomes that the plugin records: in sessions of pytest, compared with its own report, and by HTTP."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal import outcomes as outcomes_file
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import RecordedOutcomes, append_outcome, read_outcomes
from flask_livecoverage.pytest_plugin.control_requests import ControlRoutes
from flask_livecoverage.pytest_plugin.outcome_log import OutcomeLog
from flask_livecoverage.pytest_plugin.session_report import RecordedRun, SessionReport

from ..support.servers import serving
from .conftest import PYTEST_RERUNS, PYTEST_XDIST, Suite, section

# Each outcome that a test can have, and each phase in which it can get it.
TESTS = """
    import unittest

    import pytest
    from drive import get

    @pytest.fixture
    def broken():
        raise RuntimeError

    @pytest.fixture
    def breaks():
        yield
        raise RuntimeError

    @pytest.fixture
    def skips():
        pytest.skip("no")

    def test_passes():
        get(1)

    def test_fails():
        get(2)
        assert 0

    def test_fails_in_setup(broken):
        pass

    def test_fails_in_teardown(breaks):
        get(3)

    def test_fails_twice(breaks):
        assert 0

    def test_skips():
        get(4)
        pytest.skip("no")

    def test_skips_in_setup(skips):
        pass

    @pytest.mark.skip
    def test_is_skipped():
        pass

    @pytest.mark.xfail
    def test_fails_as_expected():
        assert 0

    @pytest.mark.xfail(strict=False)
    def test_passes_unexpectedly():
        pass

    @pytest.mark.xfail(strict=True)
    def test_passes_against_a_strict_mark():
        pass

    @pytest.mark.xfail(run=False)
    def test_is_not_run():
        pass

    @pytest.mark.parametrize("value", ["a b", "\\u2192"])
    def test_values(value):
        assert value == "a b"

    class TestUnit(unittest.TestCase):
        def test_passes_in_a_class(self):
            get(5)

        def test_has_subtests(self):
            with self.subTest("good"):
                pass

        @unittest.expectedFailure
        def test_fails_as_expected_in_a_class(self):
            assert 0
"""


def recorded(suite: Suite) -> RecordedOutcomes:
    (folder,) = DataDir(suite.commands.folder / ".livecov").runs()
    return read_outcomes(folder)


def outcomes(suite: Suite) -> dict[str, str]:
    return {test.partition("::")[2]: one.outcome for test, one in recorded(suite).outcomes.items()}


def pytests_own(path: Path) -> dict[str, tuple[str, float]]:
    """The outcomes and seconds in pytest's report for other programs."""
    found: dict[str, tuple[str, float]] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        kinds = {element.tag for element in case}
        outcome = "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"
        name = case.attrib["name"]
        before = found.get(name, ("passed", 0.0))
        # A test that has failed twice is two cases.
        found[name] = (
            ("failed" if "failed" in (outcome, before[0]) else outcome),
            before[1] + float(case.attrib["time"]),
        )
    return found


@pytest.mark.parametrize("options", [(), ("--livecov-tag",)], ids=["windows", "tags"])
def test_are_those_of_pytests_own_report(suite: Suite, options: tuple[str, ...]) -> None:
    suite.write("test_it.py", TESTS)
    result = suite.commands.run(
        "--report", "text", "--", *suite.pytest, "--junitxml", "report.xml", *options, app="shop"
    )
    assert (result.status, "INTERNALERROR" in result.stdout) == (1, False), result
    expected = pytests_own(suite.commands.folder / "report.xml")
    found = recorded(suite)
    names = {test.rpartition("::")[2].encode("unicode_escape").decode(): test for test in found.outcomes}
    assert {name: found.outcomes[test].outcome for name, test in names.items()} == {
        name.encode("unicode_escape").decode(): outcome for name, (outcome, _) in expected.items()
    }
    for name, (_, seconds) in expected.items():
        duration = found.outcomes[names[name.encode("unicode_escape").decode()]].duration_ms
        # pytest rounds to milliseconds, twice for a test that is two cases.
        assert duration == pytest.approx(seconds * 1000, abs=1.1)
    # Each once, in the order of the tests.
    assert list(found.last_collection.tests) == list(found.outcomes)
    assert Counter(outcome for outcome, _ in expected.values()).keys() == {"passed", "failed", "skipped"}


def test_deselected_tests_are_collected(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a():\n    pass\n\ndef test_b():\n    pass\n")
    result = suite.commands.run("--report", "text", "--", *suite.pytest, "-k", "test_a", app="shop")
    assert result.status == 0, result
    found = recorded(suite)
    assert list(found.outcomes) == ["test_it.py::test_a"]
    assert found.last_collection is not None
    assert list(found.last_collection.tests) == ["test_it.py::test_a", "test_it.py::test_b"]
    assert found.last_collection.root == str(suite.commands.folder)


def test_module_that_cannot_be_imported_leaves_no_collection(suite: Suite) -> None:
    """Its tests are unknown, and must not be taken for removed ones."""
    suite.write("test_a.py", "def test_a():\n    pass\n")
    suite.write("test_b.py", "raise RuntimeError\n")
    arguments = (*suite.pytest, "--continue-on-collection-errors")
    assert suite.commands.run("--report", "text", "--", *arguments, app="shop").status == 1
    found = recorded(suite)
    assert (list(found.outcomes), found.last_collection) == (["test_a.py::test_a"], None)


@pytest.mark.parametrize("options", [("--collect-only",), ("--setup-plan",), ("--setup-only",)])
def test_nothing_that_is_no_test(suite: Suite, options: tuple[str, ...]) -> None:
    suite.write("test_it.py", TESTS)
    suite.commands.run("--report", "text", "--", *suite.pytest, *options, app="shop")
    found = recorded(suite)
    assert (len(found.outcomes), len(found.collections)) == (0, 0)


def test_last_attempt_counts(suite: Suite) -> None:
    pytest.importorskip("pytest_rerunfailures", reason="pytest-rerunfailures is not installed here")
    suite.write(
        "test_it.py",
        """
        from itertools import count

        import pytest
        from drive import get

        attempts, setups, teardowns = count(), count(), count()

        @pytest.fixture
        def needs_two_setups():
            assert next(setups)

        @pytest.fixture
        def needs_two_teardowns():
            yield
            assert next(teardowns)

        def test_second_attempt():
            get(1)
            assert next(attempts)

        def test_second_setup(needs_two_setups):
            pass

        def test_second_teardown(needs_two_teardowns):
            pass

        def test_never():
            assert 0
        """,
    )
    arguments = (*PYTEST_RERUNS, "--reruns", "1")
    result = suite.commands.run("--report", "text", "--", *arguments, app="shop")
    # pytest counts the attempt whose tear-down has failed as passed.
    assert "1 failed, 4 passed, 4 rerun" in result.stdout, result
    assert outcomes(suite) == {
        "test_second_attempt": "passed", "test_second_setup": "passed", "test_second_teardown": "passed",
        "test_never": "failed",
    }  # fmt: skip
    assert recorded(suite).unreadable == 0


def test_interrupted_test_has_no_outcome(suite: Suite) -> None:
    suite.write("test_it.py", "def test_a():\n    pass\n\ndef test_b():\n    raise KeyboardInterrupt\n")
    assert suite.commands.run("--report", "text", "--", *suite.pytest, app="shop").status == 2
    assert outcomes(suite) == {"test_a": "passed"}


class TestParallel:
    @pytest.fixture(autouse=True)
    def _needs_xdist(self) -> None:
        pytest.importorskip("xdist", reason="pytest-xdist is not installed here")

    def test_workers_record_each_once(self, suite: Suite) -> None:
        suite.write("test_it.py", TESTS)
        arguments = (*PYTEST_XDIST, "-n", "2", "--junitxml", "report.xml")
        suite.commands.run("--report", "text", "--", *arguments, app="shop")
        expected = {name: outcome for name, (outcome, _) in pytests_own(suite.commands.folder / "report.xml").items()}
        found = recorded(suite)
        assert {name.rpartition("::")[2]: outcome for name, outcome in outcomes(suite).items()} == {
            name.encode("ascii", "backslashreplace").decode(): outcome for name, outcome in expected.items()
        }
        assert found.last_collection is not None
        assert set(found.last_collection.tests) == set(found.outcomes)
        (run,) = DataDir(suite.commands.folder / ".livecov").runs()
        lines = (run.path / "marks.tests.jsonl").read_text().split("\n")
        assert sum('"outcome"' in line for line in lines) == len(found.outcomes)

    def test_worker_that_crashes_has_failed_its_test(self, suite: Suite) -> None:
        suite.write("test_it.py", "import os\n\ndef test_a():\n    pass\n\ndef test_b():\n    os._exit(1)\n")
        arguments = (*PYTEST_XDIST, "-n", "1")
        result = suite.commands.run("--report", "text", "--", *arguments, app="shop")
        assert "crashed" in result.stdout, result
        assert outcomes(suite) == {"test_a": "passed", "test_b": "failed"}

    def test_worker_without_a_server(self, suite: Suite) -> None:
        """The servers that other workers start record into one run, which gets its outcomes too."""
        suite.write("test_with.py", "def test_with(livecov):\n    pass\n")
        suite.write("test_without.py", "def test_a():\n    pass\n\ndef test_b():\n    assert 0\n")
        suite.run("-n", "2", "--dist", "loadfile", "--livecov-app", "shop")
        assert outcomes(suite) == {"test_with": "passed", "test_a": "passed", "test_b": "failed"}


class TestManagedServer:
    TESTS = """
        import pytest
        from drive import get

        def test_before():
            assert 0

        def test_with(livecov):
            get(1, livecov.url)

        @pytest.fixture
        def breaks():
            yield
            raise RuntimeError

        def test_last(breaks):
            pass
    """

    def test_tests_before_and_after_it(self, suite: Suite) -> None:
        """The server starts within one test and ends in the tear-down of the last one."""
        suite.write("test_it.py", self.TESTS)
        result = suite.run("--livecov-app", "shop")
        assert "WARNING" not in result.stdout, result
        assert outcomes(suite) == {"test_before": "failed", "test_with": "passed", "test_last": "failed"}
        found = recorded(suite)
        assert found.last_collection is not None
        assert list(found.last_collection.tests) == list(found.outcomes)

    def test_none_was_started(self, suite: Suite) -> None:
        suite.write("test_it.py", "def test_a():\n    pass\n")
        assert suite.run("--livecov-app", "shop").status == 0
        assert not (suite.commands.folder / ".livecov").exists()


def test_killed_server_costs_no_outcome(suite: Suite) -> None:
    suite.write(
        "test_it.py",
        """
        import os
        import signal

        from drive import get

        def test_a():
            get(1)

        def test_deadly():
            os.kill(int(os.environ["SERVER"]), signal.SIGKILL)

        def test_c():
            assert 0
        """,
    )
    server = suite.commands.serve("--no-report", app="shop")
    result = suite.run(LIVECOVERAGE_URL=server.url, SERVER=str(server.process.pid))
    assert server.wait().status == -signal.SIGKILL
    assert "the server stopped answering" in section(result)[0]
    assert "INTERNALERROR" not in result.stdout
    assert outcomes(suite) == {"test_a": "passed", "test_deadly": "passed", "test_c": "failed"}


def report_of(when: Any, outcome: Any, node_id: str = "t.py::test_a") -> pytest.TestReport:
    return pytest.TestReport(node_id, ("t.py", 1, "test_a"), {}, outcome, None, when, duration=0.25)


class TestServerOnAnotherMachine:
    """The files of its run are not here, so the server is asked to record."""

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
        log.set_collected(["t.py::test_a"])
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
