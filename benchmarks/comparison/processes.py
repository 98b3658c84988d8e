"""Starts the processes that are measured, each in a folder of its own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .contestants import Contestant

PACKAGE = __package__
ROOT = Path(__file__).parents[2]
LAST_LINES = 400


class ProcessFailed(Exception):
    """A process ended badly, or not at all."""


def arguments_of(
    python: Path, module: str, arguments: Sequence[str] = (), contestant: Contestant | None = None, source: str = ""
) -> list[str]:
    """The command line of a module of this package, under a contestant."""
    launcher = contestant.launcher(source) if contestant else []
    return [str(python), *launcher, "-m", f"{PACKAGE}.{module}", *arguments]


def environ_of(contestant: Contestant | None = None, source: str = "", **more: str) -> dict[str, str]:
    """The environment of a process: without what the parent's own measuring may have put there."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("LIVECOVERAGE", "COVERAGE_"))
    }
    added = contestant.environ(source) if contestant else {}
    return {**inherited, "PYTHONPATH": str(ROOT), **added, **more}


def answer_of(
    python: Path,
    module: str,
    arguments: Sequence[str],
    command: Mapping[str, Any],
    contestant: Contestant | None = None,
    *,
    source: str = "",
    seconds: float,
) -> Any:
    """What a module's process answers to its one command. Raises ProcessFailed."""
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
            raise ProcessFailed(f"did not end within {seconds:g} seconds") from None
    if result.returncode:
        raise ProcessFailed(f"ended with status {result.returncode}: {result.stderr[-LAST_LINES:].strip()}")
    return json.loads(result.stdout)
