"""HTTP requests by wrk."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from .processes import ProcessFailed, last_line

SCRIPT = """
local paths = {paths}
local requests = {{}}
local number = 0

function init(arguments)
  for index, path in ipairs(paths) do
    requests[index] = wrk.format("GET", path)
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency, times)
  local errors = summary.errors
  io.write(string.format(
    '{{"requests": %d, "failed": %d, "socket_errors": %d, "seconds": %.6f}}\\n',
    summary.requests - errors.status, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, summary.duration / 1e6))
end
"""
# More than any round; wrk is interrupted, since it takes whole seconds only.
MAX_DURATION = "3600s"


def find_wrk() -> str | None:
    """The program, if it is installed."""
    return shutil.which("wrk")


@contextmanager
def script(paths: Sequence[str]) -> Iterator[Path]:
    """A script for wrk that requests one path after the other."""
    with TemporaryDirectory(prefix="livecov-wrk-") as folder:
        file = Path(folder, "mix.lua")
        file.write_text(SCRIPT.format(paths="{" + ", ".join(json.dumps(path) for path in paths) + "}"))
        yield file


def run_wrk(port: int, mix: Path, clients: int, seconds: float) -> dict[str, Any]:
    """The results of several clients in a time, each with a connection of its own. Raises ProcessFailed."""
    # It prints a line when it is ready for a signal; into a pipe, only at its end.
    command = ["stdbuf", "--output=L", "wrk", "--threads", "1", "--connections", str(clients)]
    command += ["--duration", MAX_DURATION, "--script", str(mix), f"http://127.0.0.1:{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        running = process.stdout.readline()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
        output = running + process.stdout.read()
    try:
        result: dict[str, Any] = json.loads(output.splitlines()[-1])
    except (ValueError, IndexError):
        raise ProcessFailed(f"wrk: {last_line(output)}") from None
    return result
