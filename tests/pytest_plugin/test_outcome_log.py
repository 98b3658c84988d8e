"""The outcomes that the plugin records in sessions of pytest, compared with pytest's own report."""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import RecordedOutcomes, read_outcomes

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
