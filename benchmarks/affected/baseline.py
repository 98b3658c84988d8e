"""Records the baseline of an application: its suite against a live server, in a git repository of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import reports, wire
from .applications import Application
from .suite import Outcomes, environment, warm_suite

IDENTITY = ("-c", "user.name=benchmark", "-c", "user.email=benchmark@localhost")


class RecordingFailedError(Exception):
    """The unchanged suite fails, or its run cannot be recorded."""


@dataclass(frozen=True)
class Baseline:
    """A repository, the outcomes of its suite when nothing is changed, and the folder with the run's records."""

    application: Application
    folder: Path
    outcomes: Outcomes

    @property
    def tests(self) -> list[str]:
        """The tests in their order."""
        return list(self.outcomes.tests)

    @property
    def seconds(self) -> float:
        """The time of all tests."""
        return sum(self.outcomes.seconds.values())

    @property
    def longest(self) -> float:
        """The time of the longest test."""
        return max(self.outcomes.seconds.values())

    @property
    def data_dir(self) -> Path:
        """The folder of what was recorded."""
        return self.folder / ".livecov"


def record(application: Application, folder: Path, scratch: Path) -> Baseline:
    """Write the application into ``folder``, commit it, and record its suite with the product."""
    folder.mkdir()
    application.write(folder)
    # Answers of the unchanged application, for the tests that compare whole answers.
    with warm_suite(application, folder, scratch, **{wire.RECORDING: "1"}) as suite:
        suite.run([], 60)
    shutil.rmtree(folder / "instance", ignore_errors=True)
    git(folder, "init", "--quiet", "--initial-branch", "main")
    commit(folder)
    file = scratch / "baseline.jsonl"
    command = [
        *(sys.executable, "-m", "flask", "--app", application.factory),
        *("livecov", "run", "--report", "text", *application.options, "--"),
        *(sys.executable, "-m", "pytest", "-q", "-p", wire.__name__, "-p", reports.__name__),
    ]
    result = subprocess.run(
        command,
        cwd=folder,
        env={**environment(), **application.variables(folder), reports.FILE_VARIABLE: str(file)},
        capture_output=True,
        text=True,
    )
    outcomes = Outcomes()
    outcomes.add(file)
    if result.returncode or not outcomes.tests or set(outcomes.tests.values()) != {"passed"}:
        raise RecordingFailedError(f"{application.name}: {result.stdout[-3000:]}\n{result.stderr[-3000:]}")
    if status(folder):
        raise RecordingFailedError(f"{application.name}: the suite has changed files: {status(folder)}")
    return Baseline(application, folder, outcomes)


def commit(folder: Path) -> None:
    """Commit all that is in the repository."""
    git(folder, "add", "--all")
    git(folder, *IDENTITY, "commit", "--quiet", "--message", "The application and its suite")


def status(folder: Path) -> str:
    """The files that differ from the commit."""
    return git(folder, "status", "--porcelain", "--untracked-files=all")


def diff(folder: Path) -> str:
    """The difference to the commit, new files included."""
    git(folder, "add", "--all", "--intent-to-add")
    try:
        return git(folder, "diff", "--no-color", "--find-renames")
    finally:
        git(folder, "reset", "--quiet")


def restore(folder: Path, paths: Sequence[str]) -> None:
    """Bring back the files of the commit."""
    git(folder, "reset", "--quiet", "--hard")
    git(folder, "clean", "--quiet", "--force", "-d", *paths)


def git(folder: Path, *arguments: str) -> str:
    """Run git; its output. None of the user's configuration counts."""
    variables = {**environment(), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    result = subprocess.run(["git", *arguments], cwd=folder, env=variables, capture_output=True, text=True, check=True)
    return result.stdout
