"""SIGKILL at any moment: each response that a client has received completely is on disk, and all records are right.

The promise: a response that a client has received completely has its record, with all lines that ran until the end of
its body. For a streamed body, that is the end of the stream: the last chunk of the chunked encoding. A response with a
``Content-Length`` is complete with its last byte; lines of the generator after that, of ``close()`` and of threads
after the response are recorded when they have run, if the process still lives.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir

from .application import SOURCE
from .clients import Load, Seen
from .servers import servers
from .truth import check

# How many processes a run has, one killed after the other.
PROCESSES_OF_A_RUN = 3
# A busy server has dozens of responses under way; kills near the first responses are tested too.
MAX_RESPONSES = 150
MAX_DELAY = 0.004


def wait_a_little(seconds: float) -> None:
    """Wait with microsecond precision, because the moment of a kill is random."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


@pytest.mark.promise
def test_killed_at_any_moment(tmp_path: Path, engine_name: str, thorough: bool) -> None:
    kills = 201 if thorough else 6
    application = tmp_path / "application.py"
    application.write_text(SOURCE)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    checked = 0
    began = time.monotonic()
    with servers(tmp_path / "log") as started:
        for kill in range(kills):
            if kill % PROCESSES_OF_A_RUN == 0:
                seen, whole = Seen(), 0
            run = f"run-{kill // PROCESSES_OF_A_RUN}"
            environ = {"LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name, "LIVECOVERAGE_RUN": run}
            pid, port = started.start(tmp_path, environ)
            load = Load(port, seen, seed + kill, enough=int(MAX_RESPONSES * chance.random() ** 2))
            load.start()
            load.wait()
            wait_a_little(MAX_DELAY * chance.random())
            load.killed()
            os.kill(pid, signal.SIGKILL)
            load.join()
            assert started.wait() == -signal.SIGKILL
            before, whole = whole, check(DataDir(tmp_path / ".livecov").run(run), seen, application)
            checked += whole - before
    assert checked > kills
    print(f"{kills} kills, {checked} whole responses, {time.monotonic() - began:.0f} s")


@pytest.mark.promise
def test_gunicorn_killed_with_all_its_workers(tmp_path: Path, engine_name: str, thorough: bool) -> None:
    application = tmp_path / "application.py"
    application.write_text(SOURCE)
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    folder = DataDir(tmp_path / ".livecov").run("run")
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name, "LIVECOVERAGE_RUN": "run"}
    options = ["--bind", "127.0.0.1:0", "--workers", "2", "--threads", "4", "--no-control-socket"]
    command = [sys.executable, "-m", "gunicorn", *options, "application:app"]
    seen, began = Seen(), time.monotonic()
    kills = 20 if thorough else 2
    for kill in range(kills):
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, cwd=tmp_path, env=environ, start_new_session=True, **pipes) as server:
            try:
                port, drain = read_gunicorns_port(server)
                load = Load(port, seen, seed + kill, enough=int(MAX_RESPONSES * chance.random()))
                load.start()
                load.wait()
                wait_a_little(MAX_DELAY * chance.random())
                load.killed()
            finally:
                os.killpg(server.pid, signal.SIGKILL)
            load.join()
            drain.join()
        whole = check(folder, seen, application)
    print(f"{kills} kills, {whole} whole responses, {time.monotonic() - began:.0f} s")


def read_gunicorns_port(server: subprocess.Popen[bytes]) -> tuple[int, threading.Thread]:
    """Return the port, and the thread that drains the pipe from then on."""
    assert server.stderr is not None
    for line in server.stderr:
        found = re.search(rb"Listening at: http://127.0.0.1:(\d+)", line)
        if found:
            drain = threading.Thread(target=server.stderr.read)
            drain.start()
            return int(found[1]), drain
    raise AssertionError("gunicorn does not listen")
