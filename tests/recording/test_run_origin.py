"""A server notes its git commit, and waits for git neither when it flushes, nor when it forks or stops.

Tests ``recording.run_origin`` and ``repository.running_git``.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import psutil
import pytest

from flask_livecoverage.journal.facts import read_facts
from flask_livecoverage.model.run_facts import WorkingTree
from flask_livecoverage.recording import run_origin
from flask_livecoverage.recording.process import current_recorder, start_recording, stop_recording
from flask_livecoverage.recording.run_origin import RunOrigin
from flask_livecoverage.settings import load_settings

from ..support.journals import run_folder
from ..support.polling import wait_until
from ..support.repositories import GitFolder

GIT = """#!/bin/sh
echo $$ >>{folder}/started
# Until a writer opens it.
read line <{folder}/gate
exec {git} "$@"
"""


class SlowGit:
    """A ``git`` that waits for a writer at a pipe before each answer."""

    def __init__(self, folder: Path, git: str) -> None:
        self.folder = folder
        os.mkfifo(folder / "gate")
        program = folder / "git"
        program.write_text(GIT.format(folder=folder, git=git))
        program.chmod(0o755)

    def processes(self) -> list[int]:
        started = self.folder / "started"
        return [int(line) for line in started.read_text().split()] if started.exists() else []

    def answer(self, number: int) -> None:
        """Let the process with this number (from 1) answer, and wait until it has ended."""
        process = psutil.Process(wait_until(lambda: self.processes()[number - 1 : number], "git runs")[0])
        (self.folder / "gate").write_text("\n")
        ended = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
        wait_until(lambda: not process.is_running() or process.status() in ended, "git has ended")

    def has_ended(self) -> bool:
        return not any(map(psutil.pid_exists, self.processes()))


@pytest.fixture
def repository(tmp_path: Path) -> GitFolder:
    folder = GitFolder(tmp_path / "code")
    folder.commit({"app.py": ""})
    return folder


@pytest.fixture
def commit(repository: GitFolder) -> str:
    return repository.git("rev-parse", "HEAD")


@pytest.fixture
def slow_git(tmp_path: Path, repository: GitFolder, monkeypatch: pytest.MonkeyPatch) -> SlowGit:
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    slow = SlowGit(tmp_path / "bin", git)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return slow


def noted() -> WorkingTree | None:
    return read_facts(run_folder()).tree


def test_one_call_after_the_other(repository: GitFolder, commit: str, slow_git: SlowGit) -> None:
    origin = RunOrigin(run_folder(), str(repository.path))
    origin()
    # It has not ended, and is not started again.
    origin()
    assert noted() is None
    slow_git.answer(1)
    origin()
    origin()
    slow_git.answer(2)
    origin()
    tree = noted()
    assert tree is not None
    assert tree.commit == commit
    origin()
    origin.stop()
    assert len(slow_git.processes()) == 2


def test_working_tree_is_noted_once(repository: GitFolder, commit: str) -> None:
    origins = [RunOrigin(run_folder(), str(repository.path)) for _ in range(2)]
    origins[0].stop()
    repository.commit({"app.py": "1"})
    for origin in origins:
        origin()
        origin.stop()
    tree = noted()
    assert tree is not None
    assert tree.commit == commit


def test_git_that_fails(repository: GitFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "git"
    monkeypatch.setenv("PATH", str(tmp_path))
    for number, script in enumerate(["#!/bin/sh\nexit 1\n", "#!/missing\n", None]):
        program.unlink(missing_ok=True)
        if script is not None:
            program.write_text(script)
            program.chmod(0o755)
        folder = run_folder(f"run-{number}")
        RunOrigin(folder, str(repository.path)).stop()
        assert read_facts(folder).tree is None
        assert (folder.path / "marks.git.json").read_text() == "{}\n"


def test_stop_before_the_first_call(repository: GitFolder, commit: str) -> None:
    RunOrigin(run_folder(), str(repository.path)).stop()
    tree = noted()
    assert tree is not None
    assert tree.commit == commit


@pytest.mark.usefixtures("repository")
def test_git_that_never_answers(tmp_path: Path, slow_git: SlowGit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_origin, "SECONDS", 0)
    origin = RunOrigin(run_folder(), str(tmp_path / "code"))
    origin()
    wait_until(slow_git.processes, "git runs")
    origin()
    assert slow_git.has_ended()
    assert noted() is None
    origin()
    assert len(slow_git.processes()) == 1


@pytest.mark.usefixtures("repository")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fork_and_stop(tmp_path: Path, slow_git: SlowGit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path / "code")
    start_recording(load_settings({}))
    recorder = current_recorder()
    assert recorder is not None
    recorder.flusher.seconds = 0.01
    recorder.open_request("GET", "/").discard()
    wait_until(slow_git.processes, "the flushing thread has started git")
    child = os.fork()
    if not child:
        # The child neither waits for its parent's git nor ends it.
        status = 1
        try:
            stop_recording()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    assert psutil.pid_exists(slow_git.processes()[0])
    stop_recording()
    assert slow_git.has_ended()
    assert len(slow_git.processes()) == 1


def test_descendants_of_git_are_ended(repository: GitFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a monitor of its files."""
    program = tmp_path / "git"
    program.write_text(
        f"#!/bin/sh\nmkfifo {tmp_path}/gate\n(read line <{tmp_path}/gate) &\necho $! >{tmp_path}/pid\nwait\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(run_origin, "STOP_SECONDS", 0)
    origin = RunOrigin(run_folder(), str(repository.path))
    origin()
    pid = int(wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "git runs"))
    origin.stop()
    dead = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    wait_until(lambda: not psutil.pid_exists(pid) or psutil.Process(pid).status() in dead, "it has ended")
