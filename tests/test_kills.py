"""SIGKILL at any moment: what a client has received whole is on disk, and right, and all that is there can be read.

What is promised: a response that a client has received whole has its record, with all lines that ran up to the end of
its body. Of a body that streams, that is all until the end of the stream was sent: the chunked encoding's last chunk. A
response with a ``Content-Length`` is whole with its last byte; what the generator runs after that, what ``close()``
calls and what threads do after the response are recorded when they have run, as far as the process lived.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_livecoverage.journal import DataDir

from .crash.application import SOURCE
from .crash.clients import Load, Seen
from .crash.truth import check

FORKSERVER = Path(__file__).parent / "crash" / "forkserver.py"
# How many processes a run has, one killed after the other.
PROCESSES_OF_A_RUN = 3
# A server that is busy has some dozens of responses under way; the first ones are of interest too.
MOST_RESPONSES = 150
LONGEST_DELAY = 0.004


class Servers:
    """Servers in fresh processes."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, folder: Path, environ: dict[str, str]) -> tuple[int, int]:
        """Start a server; return its pid and its port."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "environ": environ}) + "\n")
        self._process.stdin.flush()
        pid, port = self._read()
        return pid, port

    def wait(self) -> int:
        """Wait for the server's end; return its exit status."""
        (status,) = self._read()
        return status

    def _read(self) -> list[int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "see the output above"
        return [int(word) for word in line.removeprefix("ended").split()]


@contextmanager
def servers(log: Path) -> Iterator[Servers]:
    command = [sys.executable, str(FORKSERVER)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True) as process,
    ):
        try:
            yield Servers(process)
        finally:
            process.kill()


def wait_a_little(seconds: float) -> None:
    """Let some time pass, to the microsecond: the moment of a kill is chosen by chance."""
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
            load = Load(port, seen, seed + kill, enough=int(MOST_RESPONSES * chance.random() ** 2))
            load.start()
            load.wait()
            wait_a_little(LONGEST_DELAY * chance.random())
            load.killed()
            os.kill(pid, signal.SIGKILL)
            load.join()
            assert started.wait() == -signal.SIGKILL
            before, whole = whole, check(DataDir(tmp_path / ".livecov").run(run), seen, application)
            checked += whole - before
    assert checked > kills
    print(f"{kills} kills, {checked} whole responses, {time.monotonic() - began:.0f} s")
