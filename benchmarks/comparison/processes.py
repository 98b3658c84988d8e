"""Starts measured processes, each in a folder of its own, and talks to them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .contestants import Contestant
from .works import LARGE_VARIABLE
from .works.generated import write_application

REPOSITORY = Path(__file__).parents[2]
SECONDS_TO_END = 10
SHOWN = 300


class ProcessError(Exception):
    """A process that does not do what it is there for; the text says what became of it."""


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
        """What tables call it: ``3.13``."""
        return ".".join(map(str, self.version))

    def has(self, contestant: Contestant) -> bool:
        """Whether a contestant runs on it."""
        return contestant.exists_on(self.version)

    def environ(self) -> dict[str, str]:
        """The environment of its processes: nothing of the caller's that speaks to a coverage tool."""
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "LIVECOVERAGE"))}
        return {**ours, "PYTHONPATH": str(REPOSITORY), LARGE_VARIABLE: str(self.folder)}

    def command(
        self, module: str, work: str, contestant: Contestant, *arguments: str
    ) -> tuple[list[str], dict[str, str]]:
        """The command and the environment of a process that measures a work under a contestant."""
        source = self.facts["sources"][work]
        command = [self.path, *contestant.launcher(source), "-m", f"benchmarks.comparison.{module}"]
        return [*command, work, contestant.name, *arguments], {**self.environ(), **contestant.environ(source)}


def find_interpreter(path: str, folder: Path) -> Interpreter:
    """The interpreter at a path. Raises ProcessError if it lacks what the benchmark needs."""
    bare = Interpreter(os.path.abspath(path), write_application(folder))
    command = [bare.path, "-m", "benchmarks.comparison.probe"]
    result = subprocess.run(command, env=bare.environ(), cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise ProcessError(f"{path} cannot be measured with: {last_line(result.stderr)}")
    return Interpreter(bare.path, bare.folder, json.loads(result.stdout))


class Child:
    """A process that told in a line of JSON, ``facts``, that it is ready."""

    def __init__(self, process: subprocess.Popen[str], folder: Path, errors: Path) -> None:
        self.process = process
        self.folder = folder
        self._errors = errors
        self.facts = self._read()

    def ask(self, **command: Any) -> dict[str, Any]:
        """The answer to a command. Raises ProcessError if there is none."""
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
            raise ProcessError(self._death())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _death(self) -> str:
        status = self.process.wait()
        if status < 0:
            return f"its process died of {signal.Signals(-status).name}"
        return f"its process ended: {last_line(self._errors.read_text(errors='replace'))}"


@contextmanager
def started(command: list[str], environ: Mapping[str, str]) -> Iterator[Child]:
    """Start a process; it is over when the block is left. Raises ProcessError if it does not become ready."""
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
            yield Child(process, folder, errors)
        finally:
            _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()


def last_line(text: str) -> str:
    """The line of an error message that says most."""
    lines = text.strip().splitlines()
    return lines[-1][:SHOWN] if lines else "it said nothing"
