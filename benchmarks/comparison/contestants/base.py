"""The base of all contestants."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from flask import Flask

Lines = Mapping[str, Collection[int]]


class Contestant:
    """One way to measure a server: how its process is started, and what is done with the application in it.

    ``note`` is a sentence for the table of contestants. ``rival`` is false for the bare application, for coverage run
    and for ours: the others take part in fewer rounds. ``measures`` is true for those that record lines at all.
    ``package`` is the distribution it is installed from. A process works in a folder of its own, in which it may write.
    """

    name: str
    title: str
    note: str
    package: str | None = None
    rival = True
    measures = True
    per_request = False
    versions = ((3, 11), (3, 15))

    def exists_on(self, version: tuple[int, int]) -> bool:
        """True if it runs on this Python."""
        return self.versions[0] <= version <= self.versions[1]

    def launcher(self, source: str) -> list[str]:
        """The arguments of Python that stand before the module that is run."""
        return []

    def environ(self, source: str) -> dict[str, str]:
        """The environment variables of its process."""
        return {}

    def prepare(self, source: str) -> None:
        """Do in the process what must precede the import of the application."""

    def wrap(self, app: Flask) -> WSGIApplication:
        """The application with what the contestant adds."""
        return app.wsgi_app

    def lines(self, app: Flask) -> Lines:
        """The lines that it has recorded so far, by file; none if it does not measure."""
        return {}

    def records(self, app: Flask) -> Mapping[str, Lines]:
        """The lines of each request, by its path, if it separates requests."""
        return {record["path"]: record["lines"] for record in written_records(Path.cwd())}


class RecordFile:
    """Records of requests, as JSON lines in the folder of the process."""

    NAME = "records.jsonl"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # Kept open. Each record is flushed at once.
        self._file = Path(self.NAME).open("a")  # noqa: SIM115

    def write(self, path: str, lines: Lines) -> None:
        """Append the record of a request."""
        record = {"path": path, "lines": {name: sorted(numbers) for name, numbers in lines.items()}}
        text = json.dumps(record, separators=(",", ":")) + "\n"
        with self._lock:
            self._file.write(text)
            self._file.flush()


def written_records(folder: Path) -> list[dict[str, Any]]:
    """The records in the folder of a process."""
    file = folder / RecordFile.NAME
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def written_lines(folder: Path) -> Lines:
    """The lines of all records together, by file."""
    lines: dict[str, set[int]] = {}
    for record in written_records(folder):
        for name, numbers in record["lines"].items():
            lines.setdefault(name, set()).update(numbers)
    return lines
