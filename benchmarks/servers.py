"""Starts livecov's own commands for a benchmark, each in a process."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

READY = "Running on "
QUIET = ("--port", "0", "--no-report", "--no-access-log")


@dataclass(frozen=True)
class Command:
    """A command that runs: its process, and the rest of the line by which it reported that it is ready."""

    process: subprocess.Popen[str]
    address: str


@contextmanager
def livecov(folder: Path, *arguments: str, ready: str = READY, **environ: str) -> Iterator[Command]:
    """Run ``flask livecov`` for the application ``app`` in ``folder``; it is terminated when the block ends.

    The block begins when the command has written ``ready`` on its standard error.
    """
    words = [sys.executable, "-m", "flask", "--app", "app", "livecov", *arguments]
    environ = {**os.environ, "LIVECOVERAGE_DATA_DIR": str(folder / "data"), **environ}
    with subprocess.Popen(words, cwd=folder, env=environ, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        address = next((line for line in process.stderr if ready in line), "").rpartition(ready)[2].strip()
        if not address:
            raise RuntimeError(f"{' '.join(words)} ended with status {process.wait()}")
        # Later lines, such as tracebacks of views that fail on purpose: a full pipe would stop the process.
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        try:
            yield Command(process, address)
        finally:
            process.terminate()
            process.wait(60)
            drain.join()
