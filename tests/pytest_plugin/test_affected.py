"""``pytest --livecov-affected``: in real sessions against a real server, in a real repository.

Tests ``pytest_plugin.affected``.
"""

from __future__ import annotations

import json
import re

import pytest

from ..support.processes import Commands, Result
from ..support.repositories import GitFolder
from .conftest import PYTEST_RERUNS, PYTEST_XDIST, Suite

TESTS = """
    import pytest
    from drive import get

    @pytest.mark.parametrize("number", [1, 2])
    def test_page(number):
        get(number)

    def test_other():
        get(3)

    def test_without_requests():
        pass
"""
NAMES = {"test_page[1]", "test_page[2]", "test_other", "test_without_requests"}


class Project:
    """A suite in a repository, whose sessions are recorded by ``livecov run``."""

    def __init__(self, suite: Suite) -> None:
        self.commands: Commands = suite.commands
        self.app = suite.app
        self.write = suite.write
        self.repository = GitFolder(suite.commands.folder)
        self.write("test_it.py", TESTS)
        self.commit = self.repository.commit({".gitignore": "__pycache__/\n.coverage\nhtmlcov/\n"})

    def run(self, *arguments: str, program: tuple[str, ...] = PYTEST_XDIST) -> Result:
        # The path comes last: it is no value of the option before it.
        pytest_command = (*program, "-v", *arguments, "test_it.py")
        return self.commands.run("--report", "text", "--", *pytest_command, app="shop")

    def runs(self) -> list[str]:
        return sorted(path.name for path in self.commands.folder.glob(".livecov/runs/*"))

    def ask(self, *arguments: str) -> Result:
        return self.commands.livecov(*arguments, app=None).wait()

    def edit(self, page: int) -> None:
        text = self.app.read_text()
        self.app.write_text(text.replace(f'return "page {page}"', f'return "edited {page}"'))


@pytest.fixture
def project(suite: Suite) -> Project:
    found = Project(suite)
    first = found.run()
    assert first.status == 0, first
    return found


def ran(result: Result) -> set[str]:
    return set(re.findall(r"test_it\.py::(\S+) (?:PASSED|FAILED|RERUN)", result.stdout)) | set(
        re.findall(r"(?:PASSED|FAILED|RERUN) test_it\.py::(\S+)", result.stdout)
    )


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_deselects_what_no_change_can_affect(project: Project, workers: tuple[str, ...]) -> None:
    project.edit(2)
    result = project.run("--livecov-affected", *workers)
    assert result.status == 0, result
    # A test that sent no request may depend on anything.
    assert ran(result) == {"test_page[2]", "test_without_requests"}
    assert f"2 tests were deselected: no change since {project.commit[:10]} (run " in result.stdout
    assert re.search(r"They took \d+\.\d s last time\.", result.stdout)
    # What they executed is not lost.
    first, second = project.runs()
    compared = project.ask("compare", first, "latest", "--fail-on-decrease")
    assert compared.status == 0, compared
    assert second in compared.stdout
    assert "0 lines lost, 0 lines gained." in compared.stdout
    assert "Tests removed" not in compared.stdout
    note = (
        f"2 tests were left out, because no change can affect them: what they executed when they ran last (run {first})"
    )
    assert note in compared.stderr
    assert note in result.stderr


def test_nothing_changed_but_a_test_is_new_and_one_failed(project: Project) -> None:
    project.write("test_it.py", TESTS.replace("get(3)", "get(3)\n        assert False"))
    failed = project.run("--livecov-affected")
    assert failed.status == 1, failed
    assert ran(failed) == NAMES
    project.write("test_it.py", TESTS.replace("[1, 2]", "[1, 2, 4]"))
    result = project.run("--livecov-affected")
    assert result.status == 0, result
    assert ran(result) == {*NAMES, "test_page[4]"}
    again = project.run("--livecov-affected")
    assert ran(again) == {"test_without_requests"}


def test_session_of_which_nothing_is_affected_succeeds(project: Project) -> None:
    result = project.run("--livecov-affected", "-k", "page")
    assert result.status == 0, result
    assert ran(result) == set()
    assert "2 tests were deselected" in result.stdout
    assert "= live coverage =" not in result.stdout
    # The run counts, although no request was sent in it.
    assert "no request reached the server" not in result.stderr
    answer = json.loads(project.ask("patch", "--base", "HEAD", "--format", "json").stdout)
    assert answer["runs"] == project.runs()[1:]


def test_file_that_is_not_measured(project: Project) -> None:
    project.repository.write({"requirements.txt": "flask\n"})
    result = project.run("--livecov-affected")
    assert ran(result) == NAMES
    assert "No test was deselected" in result.stdout
    assert "All tests: requirements.txt: it is not measured" in result.stdout


def test_base_is_a_branch(project: Project) -> None:
    project.repository.git("branch", "base")
    project.edit(1)
    project.repository.commit({})
    # Recorded after the edit, so it is not one of the runs of the base.
    assert project.run().status == 0
    assert ran(project.run("--livecov-affected")) == {"test_without_requests"}
    assert ran(project.run("--livecov-affected=base")) == {"test_page[1]", "test_without_requests"}


FLAKY = """get(3)
        global tries
        tries = globals().get("tries", 0) + 1
        assert tries > 1"""


def test_reruns(project: Project) -> None:
    project.write("test_it.py", TESTS.replace("get(3)", FLAKY))
    result = project.run("--livecov-affected", "--reruns", "1", program=PYTEST_RERUNS)
    assert result.status == 0, result
    assert ran(result) == NAMES
    # It passed in the end.
    assert ran(project.run("--livecov-affected")) == {"test_without_requests"}


def test_commit_of_the_only_run_was_amended(project: Project) -> None:
    project.repository.git("commit", "--quiet", "--amend", "--message", "another")
    result = project.run("--livecov-affected")
    assert result.status == 0, result
    assert ran(result) == NAMES
    assert "all tests run: no recorded run is of HEAD" in result.stdout


def test_path_after_the_option(suite: Suite) -> None:
    """pytest takes it as a path from the beginning: a conftest file there may add options."""
    option = 'def pytest_addoption(parser):\n    parser.addoption("--env")\n'
    suite.write("e2e/conftest.py", option)
    suite.write("e2e/test_it.py", "def test_env(request):\n    assert request.config.getoption('env') == 'prod'\n")
    GitFolder(suite.commands.folder).commit({})
    result = suite.run("--livecov-affected", "e2e", "--env", "prod")
    assert result.status == 0, result
    assert "1 passed" in result.stdout
    assert "all tests run: " in result.stdout


def test_unknown_ref(project: Project) -> None:
    result = project.run("--livecov-affected=none")
    assert result.status == pytest.ExitCode.USAGE_ERROR
    assert "ERROR: --livecov-affected: 'none' is no commit, branch or tag in" in result.stderr
    assert "Traceback" not in result.stderr


def test_nothing_recorded_yet(suite: Suite) -> None:
    result = Project(suite).run("--livecov-affected")
    assert result.status == 0, result
    assert ran(result) == NAMES
    assert "all tests run: " in result.stdout


def test_no_repository(suite: Suite) -> None:
    suite.write("test_it.py", TESTS)
    assert suite.commands.run("--report", "text", "--", *PYTEST_XDIST, "test_it.py", app="shop").status == 0
    result = suite.commands.run("--report", "text", "--", *PYTEST_XDIST, "--livecov-affected", "test_it.py", app="shop")
    assert result.status == pytest.ExitCode.USAGE_ERROR
    assert "is in no git repository" in result.stderr
