"""Starts measured processes, each in a folder of its own, and sends them commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from .contestants import Contestant
from .workloads import LARGE_VARIABLE
from .workloads.generated import write_application

REPOSITORY = Path(__file__).parents[2]
SECONDS_TO_END = 10
SHOWN = 300


class ProcessFailed(Exception):
    """A process failed; the text has the reason."""


@dataclass(frozen=True)
class Interpreter:
    """A Python to measure with, and what is installed there.

    ``folder`` is where the applications are that the benchmark writes itself.
    """

    path: str
    folder: Path
    facts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def version(self) -> tuple[int, int]:
        """Major and minor."""
        major, minor = self.facts["version"].split(".")[:2]
        return int(major), int(minor)

    @property
    def name(self) -> str:
        """Its name in tables: ``3.13``."""
        return ".".join(map(str, self.version))

    def has(self, contestant: Contestant) -> bool:
        """True if a contestant runs on it, and is installed."""
        installed = contestant.package is None or self.facts["packages"][contestant.package] is not None
        return installed and contestant.exists_on(self.version)

    def command(
        self, module: str, workload: str, contestant: Contestant, *arguments: str
    ) -> tuple[list[str], dict[str, str]]:
        """The command and the environment of a process that measures a workload under a contestant."""
        source = self.facts["sources"][workload]
        environ = environ_of(contestant, source, **{LARGE_VARIABLE: str(self.folder)})
        return arguments_of(self.path, module, [workload, contestant.name, *arguments], contestant, source), environ


def find_interpreter(path: str, folder: Path) -> Interpreter:
    """The interpreter at a path. Raises ProcessFailed if it lacks what the benchmark needs."""
    python = os.path.abspath(path)
    environ = environ_of(None, "", **{LARGE_VARIABLE: str(write_application(folder))})
    result = subprocess.run(arguments_of(python, "probe"), env=environ, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise ProcessFailed(f"{path} cannot be measured with: {last_line(result.stderr)}")
    return Interpreter(python, folder, json.loads(result.stdout))


def arguments_of(
    python: str | Path,
    module: str,
    arguments: Sequence[str] = (),
    contestant: Contestant | None = None,
    source: str = "",
) -> list[str]:
    """The command line of a module of this package, under a contestant."""
    launcher = contestant.launcher(source) if contestant else []
    return [str(python), *launcher, "-m", f"{__package__}.{module}", *arguments]


def environ_of(contestant: Contestant | None = None, source: str = "", **more: str) -> dict[str, str]:
    """The environment of a process: without the caller's variables for coverage tools."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("LIVECOVERAGE", "COVERAGE_"))
    }
    added = contestant.environ(source) if contestant else {}
    return {**inherited, "PYTHONPATH": str(REPOSITORY), **added, **more}


def answer_of(
    python: str | Path,
    module: str,
    arguments: Sequence[str],
    command: Mapping[str, Any],
    contestant: Contestant | None = None,
    *,
    source: str = "",
    seconds: float,
) -> Any:
    """The answer of a module's process to its only command. Raises ProcessFailed."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            result = subprocess.run(
                arguments_of(python, module, arguments, contestant, source),
                cwd=folder,
                env=environ_of(contestant, source),
                input=json.dumps(command),
                capture_output=True,
                text=True,
                timeout=seconds,
            )
        except subprocess.TimeoutExpired:
            raise ProcessFailed(f"its process did not end within {seconds:g} seconds") from None
    if result.returncode:
        raise ProcessFailed(_death(result.returncode, result.stderr))
    return json.loads(result.stdout)


class Subprocess:
    """A process that writes a line of JSON when it is ready, and then answers commands."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, errors: Path) -> None:
        self.process = process
        self.folder = folder
        self._errors = errors

    @cached_property
    def facts(self) -> dict[str, Any]:
        """The facts that it writes when it is ready, which this waits for. Raises ProcessFailed if it fails."""
        return self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        """The answer to a command. Raises ProcessFailed if there is none."""
        if not self.facts:
            raise ProcessFailed("its process wrote no facts about itself")
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        return self._read()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise ProcessFailed(_death(self.process.wait(), self._errors.read_text(errors="replace")))
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextmanager
def started(command: list[str], environ: Mapping[str, str]) -> Iterator[Subprocess]:
    """Start a process; it is ended when the block is left. Others can be started before it is ready."""
    with tempfile.TemporaryDirectory(prefix="livecov-benchmark-", ignore_cleanup_errors=True) as name:
        folder = Path(name, "work")
        folder.mkdir()
        errors = Path(name, "errors.txt")
        with errors.open("w") as file:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=dict(environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=file,
                text=True,
            )
        try:
            yield Subprocess(process, folder, errors)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def _death(status: int, errors: str) -> str:
    if status < 0:
        return f"its process died of {signal.Signals(-status).name}"
    return f"its process ended: {last_line(errors)}"


def last_line(text: str) -> str:
    """The last line of an error message, which has the reason."""
    lines = text.strip().splitlines()
    return lines[-1][:SHOWN] if lines else "without a message"
