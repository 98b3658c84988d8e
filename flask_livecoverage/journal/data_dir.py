"""The data directory: lists the runs in it, and selects those that a user names."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import DataError
from ..model.atomic_files import replace_data_file, temporary_beside
from ..model.data_files import read_data_file
from .run_folder import RunFolder

_IDENTITY = re.compile("[0-9a-f]{16}")


class DataDir:
    """The data directory: all runs that were recorded into it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def run(self, run_id: str) -> RunFolder:
        """Return the folder of a run, which may not exist yet."""
        return RunFolder(self.path / "runs" / run_id)

    def runs(self) -> list[RunFolder]:
        """Return all runs, sorted by the start of their last process."""
        folder = self.path / "runs"
        if not folder.is_dir():
            return []
        runs = [RunFolder(path) for path in folder.iterdir() if path.is_dir()]
        # Not by id alone: LIVECOVERAGE_RUN may hold any name.
        return sorted(runs, key=lambda run: (run.last_start(), run.id))

    def find(self, run_id: str) -> RunFolder | None:
        """Return the run with this very id; None if there is none.

        No path is made from ``run_id``, which may be a user's text: it is compared with the names of folders.
        """
        with suppress(OSError), os.scandir(self.path / "runs") as entries:
            for entry in entries:
                if entry.name == run_id and entry.is_dir():
                    return RunFolder(Path(entry.path))
        return None

    def identity(self) -> str:
        """Return a text that no other data directory has, and that stays if this one is moved.

        It is in a file, or made from the path if that cannot be written.
        """
        path = self.path / "directory.id"
        with suppress(OSError):
            if not path.exists():
                _write_once(path, f"{secrets.token_hex(8)}\n".encode())
        with suppress(OSError, ValueError):
            found = read_data_file(path).decode("ascii").strip()
            if _IDENTITY.fullmatch(found):
                return found
        return hashlib.sha256(os.fsencode(os.path.realpath(self.path))).hexdigest()[:16]

    def foreign_files(self) -> list[Path]:
        """Return the files beside the runs that are no runs."""
        folder = self.path / "runs"
        return [path for path in sorted(folder.iterdir()) if not path.is_dir()] if folder.is_dir() else []

    def select(self, wanted: str, *, tested: bool = False, whole: bool = False) -> list[RunFolder]:
        """Return the runs that ``wanted`` names: an id or the beginning of one, ``latest`` or ``all``.

        With ``tested``, ``latest`` is the newest run in which something was tested, if there is one: a person who looks
        at the application in between does not hide the results of the suite. With ``whole``, a run in which no test ran
        because no change can affect any counts too. Raises DataError if there are none.
        """
        runs = [run for run in self.runs() if run.journals()]
        if not runs:
            raise DataError(
                f"nothing is recorded in {self.path}: record with `flask --app APP livecov run -- COMMAND`, or name "
                "the folder with --data-dir"
            )
        if wanted == "all":
            return runs
        if wanted == "latest":
            newest_tested = (run for run in reversed(runs) if run.is_tested() or (whole and run.relies_on_others()))
            return [next(newest_tested, runs[-1]) if tested else runs[-1]]
        found = [run for run in runs if run.id.startswith(wanted)]
        exact = [run for run in found if run.id == wanted]
        if len(exact or found) != 1:
            problem = "no run" if not found else "more than one run"
            raise DataError(f"{problem} {wanted!r} in {self.path}: choose latest, all or one of {_newest(runs)}")
        return exact or found


def _write_once(path: Path, content: bytes) -> None:
    """Write a file unless another process has: one content for all. Raises OSError."""
    temporary = temporary_beside(path)
    replace_data_file(temporary, content)
    try:
        # Unlike a renamed file, it replaces none.
        os.link(temporary, path)
    finally:
        temporary.unlink()


def _newest(runs: list[RunFolder], count: int = 5) -> str:
    return ", ".join(run.id for run in reversed(runs[-count:]))
