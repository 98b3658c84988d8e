"""Forks of a process that can start no more threads, and forks within forks: none hangs, each request is answered."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from tests.support.servers import PYTHON

APPLICATION = """
    import json
    import os
    import resource
    import sys
    import threading
    import time

    from flask import Flask

    from flask_livecoverage import LiveCoverage

    def forks_too():
        if forking_too and os.getpid() == parent:
            forking_too.clear()
            fork(lambda: None)

    parent, forking_too = os.getpid(), []
    # Hooks before a fork are called in reverse order: this one after those of the recorder.
    os.register_at_fork(before=forks_too)

    app = Flask(__name__)
    app.config.update(TESTING=True, LIVECOVERAGE_ENGINE=sys.argv[1])
    LiveCoverage(app)
    client = app.test_client()

    @app.get("/<name>")
    def index(name):
        return name

    def fork(work):
        child = os.fork()
        if child == 0:
            work()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0

    def ask(name):
        assert client.get(f"/{name}").text == name

    def flushers():
        return sum(thread.name == "flask-livecoverage" for thread in threading.enumerate())

    ask("first")
"""
# The limit does not apply to root, and other users may have other processes, which count too.
LIMITED = """
    for folder, _, _ in os.walk("."):
        os.chmod(folder, 0o777)
    _, most = resource.getrlimit(resource.RLIMIT_NPROC)
    user = 1_000_000 + os.getpid()
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    found = {}

    # This process and its child, or this one and a thread.
    resource.setrlimit(resource.RLIMIT_NPROC, (2, most))
    reading, writing = os.pipe()
    child = None
    while child is None:
        try:
            child = os.fork()
        except BlockingIOError:  # a thread that has ended is counted for a moment
            pass
    if child == 0:
        os.close(writing)
        ask("child")
        os.read(reading, 1)
        os._exit(0)
    found["while limited"] = flushers()
    ask("parent")
    os.close(writing)
    assert os.waitpid(child, 0)[1] == 0
    fork(lambda: ask("second child"))

    # Another thread can be started again.
    deadline = time.monotonic() + 30
    while not flushers() and time.monotonic() < deadline:
        ask("late")
    found["afterwards"] = flushers()
    print(json.dumps(found))
"""


def run_script(folder: Path, script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = folder / "application.py"
    path.write_text(textwrap.dedent(script))
    return subprocess.run(
        [PYTHON, "-W", "ignore", str(path), *arguments], cwd=folder, capture_output=True, text=True, timeout=40
    )


def paths(folder: Path) -> set[str]:
    (run,) = DataDir(folder / ".livecov").select("all")
    return {request.path for request in read_run(run).requests}


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that another user can access, unlike pytest's folders."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.skipif(os.getuid() != 0, reason="a limit of processes counts those of a user: needs root, to be another")
def test_no_thread_can_be_started(open_folder: Path, engine_name: str) -> None:
    ran = run_script(open_folder, APPLICATION + LIMITED, engine_name)
    assert ran.returncode == 0, ran.stderr
    found: dict[str, Any] = json.loads(ran.stdout)
    assert found == {"while limited": 0, "afterwards": 1}
    assert {"/first", "/child", "/parent", "/second child", "/late"} <= paths(open_folder)
    # Logged once by each process, and nothing else, in particular no error of a hook.
    assert {line.partition(":")[0] for line in ran.stderr.splitlines()} == {"can't start new thread"}


def test_fork_within_a_fork(tmp_path: Path, engine_name: str) -> None:
    """As by a signal handler that starts a process."""
    script = """
        forking_too.append(True)
        fork(lambda: ask("outer"))
        assert not forking_too
        assert flushers() == 1
    """
    ran = run_script(tmp_path, textwrap.dedent(APPLICATION) + textwrap.dedent(script), engine_name)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert paths(tmp_path) == {"/first", "/outer"}
