"""Starts and ends the servers that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = Path(__file__).parent / "server_forker.py"


class Servers:
    """Servers in fresh processes, one after the other."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._running: int | None = None

    def start(self, folder: Path, environ: dict[str, str]) -> tuple[int, int]:
        """Start a server; return its pid and its port."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "environ": environ}) + "\n")
        self._process.stdin.flush()
        self._running, port = self._read()
        return self._running, port

    def wait(self) -> int:
        """Wait for the server's end; return its exit status."""
        (status,) = self._read()
        self._running = None
        return status

    def end(self) -> None:
        """Kill the server that a failed test has left."""
        if self._running is not None:
            os.kill(self._running, signal.SIGKILL)
            self.wait()

    def _read(self) -> list[int]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "see the servers' log"
        return [int(word) for word in line.removeprefix("ended").split()]


@contextmanager
def servers(log: Path) -> Iterator[Servers]:
    """Run a process that starts servers; their output goes to ``log``."""
    command = [sys.executable, str(_SCRIPT)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True) as process,
    ):
        started = Servers(process)
        try:
            yield started
        finally:
            started.end()
            process.kill()
