"""Starts and ends the servers that are killed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCRIPT = Path(__file__).parent / "forkserver.py"


class Servers:
    """Servers in fresh processes, one after the other."""

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
        assert line, "see the servers' log"
        return [int(word) for word in line.removeprefix("ended").split()]


@contextmanager
def servers(log: Path) -> Iterator[Servers]:
    """A process that starts servers; what they print goes to ``log``."""
    command = [sys.executable, str(_SCRIPT)]
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=output, text=True) as process,
    ):
        try:
            yield Servers(process)
        finally:
            process.kill()
