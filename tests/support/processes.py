"""Runs commands as a user does, as real processes, reads their output and checks that none is left at the end."""

from __future__ import annotations

import http.client
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import psutil
import pytest

from ..support import REPOSITORY
from .polling import GUARD_SECONDS, wait_until

MARK = "TEST_OF_COMMANDS"

# For applications and suites: `gate.wait()` blocks until the test opens the gate.
GATE_MODULE = """
    import os, socket

    def wait():
        host, port = os.environ["GATE"].split(":")
        with socket.create_connection((host, int(port))) as connection:
            connection.recv(1)
"""


@dataclass(frozen=True)
class Result:
    """The exit status of a command, and its output."""

    status: int
    stdout: str
    stderr: str

    @property
    def errors(self) -> list[str]:
        """The lines on standard error that report an error, including all lines of click's messages."""
        return [line for line in self.stderr.splitlines() if re.match(r"Error|Usage|Try |Aborted|Traceback", line)]


Invoke = Callable[..., Result]
Ask = Callable[..., Any]


class Command:
    """A running command."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._written: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._open = 2
        self._readers = [
            threading.Thread(target=self._read, args=("stdout", process.stdout), daemon=True),
            threading.Thread(target=self._read, args=("stderr", process.stderr), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._written[name].append(line)
                    self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def text(self, name: str) -> str:
        return "".join(self._written[name])

    def match(self, pattern: str, stream: str = "stderr") -> re.Match[str]:
        """Wait for the first match in its output."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, self.text(stream))

        with self._changed:
            self._changed.wait_for(lambda: found() or not self._open, GUARD_SECONDS)
            match = found()
        assert match, f"{pattern!r} is not in the {stream}:\n{self.text('stdout')}{self.text('stderr')}"
        return match

    @property
    def url(self) -> str:
        return self.match(r"(?m)^ \* Running on (http://\S+)$")[1]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to it and to the processes that it has started, except those in sessions of their own."""
        os.killpg(self.process.pid, number)

    def wait(self) -> Result:
        """Wait for its end, and for the end of all processes that share its output."""
        status = self.process.wait(GUARD_SECONDS)
        for reader in self._readers:
            reader.join(GUARD_SECONDS)
        result = Result(status, self.text("stdout"), self.text("stderr"))
        assert not any(reader.is_alive() for reader in self._readers), f"a process still has its output open: {result}"
        return result


class Commands:
    """Starts the commands of one test, in the test's folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._mark = uuid.uuid4().hex
        self.tracebacks_allowed = False
        self._commands: list[Command] = []

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text).lstrip("\n"))
        return path

    def start(self, *command: str | Path, **environ: str) -> Command:
        process = subprocess.Popen(
            [str(word) for word in command],
            cwd=self.folder,
            env={**self.environ, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # Like a job of a shell, because a terminal sends its signals to this process group.
            start_new_session=True,
        )
        self._commands.append(Command(process))
        return self._commands[-1]

    def livecov(self, *arguments: str | Path, app: str | None = "app", **environ: str) -> Command:
        """Start ``flask --app APP livecov ARGUMENTS``."""
        return self.start(*FLASK, *(["--app", app] if app else []), "livecov", *arguments, **environ)

    def serve(self, *arguments: str | Path, app: str = "app", **environ: str) -> Command:
        return self.livecov("serve", "--port", "0", *arguments, app=app, **environ)

    def run(self, *arguments: str | Path, app: str | None = "app", **environ: str) -> Result:
        """Run ``livecov run`` with these arguments to its end."""
        return self.livecov("run", *arguments, app=app, **environ).wait()

    def report(self, *arguments: str) -> dict[str, Any]:
        """Return coverage.py's JSON report on the recorded data."""
        result = self.livecov("report", "--format", "json", "--output", "-", *arguments, app=None).wait()
        assert result.status == 0, result
        report: dict[str, Any] = json.loads(result.stdout)
        return report

    def running(self) -> list[psutil.Process]:
        """Return the processes that these commands started and that still run, whatever their parents are by now."""
        return [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process: psutil.Process) -> bool:
        try:
            return process.environ().get(MARK) == self._mark and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False

    @property
    def environ(self) -> dict[str, str]:
        """The environment of these commands."""
        return {**os.environ, MARK: self._mark, "PYTHONWARNINGS": "always::ResourceWarning"}

    def wait_for_end(self, process: psutil.Process) -> None:
        """Wait until a process that is not our child has ended."""
        psutil.wait_procs([process], GUARD_SECONDS)
        assert process not in self.running()

    def wait_for_connection(self, command: Command) -> None:
        """Wait until a server has accepted a connection."""
        accepted = (command.process.pid, psutil.CONN_ESTABLISHED)
        wait_until(
            lambda: accepted in {(found.pid, found.status) for found in psutil.net_connections("tcp")},
            "the server has accepted a connection",
        )

    def end_all(self) -> None:
        """End the commands that still run, the last one first."""
        for command in reversed(self._commands):
            if command.process.poll() is None:
                command.signal(signal.SIGTERM)
            command.wait()

    def close(self) -> None:
        """Assert that all processes have ended, and printed nothing that no user should see."""
        left = [f"{process.pid}: {' '.join(process.cmdline())}" for process in self.running()]
        for process in self.running():
            process.kill()
        results = [command.wait() for command in self._commands]
        assert left == []
        for result in results:
            assert self.tracebacks_allowed or "Traceback" not in result.stderr, result.stderr
            assert "ResourceWarning" not in result.stderr, result.stderr


# The programs of docs/recipes.rst, which `make recipes` installs.
_RECIPE_TOOLS = REPOSITORY / ".venvs" / "recipes" / "bin"

FLASK = (sys.executable, "-m", "flask")
# For a command line in one string.
PYTHON = shlex.quote(sys.executable)


def fetch(url: str, method: str = "GET") -> tuple[int, str]:
    """Request ``url`` and return the response's status and body."""
    return read_response(send_request(url, method))


def send_request(url: str, method: str = "GET") -> http.client.HTTPConnection:
    """Send a request; :func:`read_response` reads its response."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=GUARD_SECONDS)
    connection.request(method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
    return connection


def read_response(connection: http.client.HTTPConnection) -> tuple[int, str]:
    try:
        response = connection.getresponse()
        return response.status, response.read().decode(errors="replace")
    finally:
        connection.close()


def wait_until_answered(url: str, command: Command) -> str:
    """Wait until ``command`` answers a request for ``url``, and return the response's body."""

    def response() -> tuple[int, str] | None:
        try:
            return fetch(url)
        except ConnectionError:
            assert command.process.poll() is None, command.text("stderr")
            return None

    status, body = wait_until(response, f"{url} is answered", lambda: command.text("stderr"))
    assert status == 200, body
    return body


def wait_until_refused(url: str) -> None:
    """Wait until no server listens at ``url`` any more."""
    parts = urlsplit(url)

    def is_refused() -> bool:
        try:
            socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=GUARD_SECONDS).close()
        except ConnectionError as error:
            return isinstance(error, ConnectionRefusedError)
        return False

    wait_until(is_refused, f"no server listens at {url}")


class Gate:
    """Blocks processes of the test until it is opened: they call ``gate.wait()`` of :data:`GATE_MODULE`."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(GUARD_SECONDS)
        self._waiting: list[socket.socket] = []

    @property
    def address(self) -> str:
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def reached(self) -> socket.socket:
        """Wait until one more process is blocked at the gate. It continues when the returned socket is closed."""
        self._waiting.append(self._listener.accept()[0])
        return self._waiting[-1]

    def open(self) -> None:
        """Let all blocked processes continue."""
        while self._waiting:
            self._waiting.pop().close()

    def close(self) -> None:
        self.open()
        self._listener.close()


def skip_without(program: str) -> str:
    """Return the path of a program; skip the test where it is not installed."""
    path = shutil.which(program)
    if path is None:
        pytest.skip(f"{program} is not installed here")
    return path


def skip_without_recipe_tool(program: str) -> str:
    """Return the path of a program of the recipes' environment; skip the test where it is not installed."""
    path = _RECIPE_TOOLS / program
    if not path.exists():
        pytest.skip(f"{program} is not in .venvs/recipes: run `make recipes`")
    return str(path)
