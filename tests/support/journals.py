"""Journals written for tests: of fictitious processes, but line by line as the recorder writes them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.format import FORMAT_VERSION, fields_of, line_of
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Trace

# The fields of a process, for a journal that the package itself writes.
HEADER = {"pid": 1, "started_at": 1.5, "root": "/app", "engine": "ctrace", "reason": "", "branch": False, "python": "3"}


def trace_of(files: dict[str, Iterable[int]], *, content: str = "0123456789abcdef") -> Trace:
    """Return the trace of these line numbers."""
    return Trace.of({path: FileLines(content, to_bitmap(lines)) for path, lines in files.items()})


def run_folder(run_id: str = "run", data_dir: str | Path = ".livecov") -> RunFolder:
    folder = DataDir(data_dir).run(run_id)
    folder.path.mkdir(parents=True, exist_ok=True)
    return folder


def only_run(folder: Path) -> RunFolder:
    """The only run that was recorded in ``folder``."""
    (run,) = DataDir(folder / ".livecov").runs()
    return run


def remove_store(data_dir: str | Path = ".livecov") -> None:
    """Remove the store and all files that SQLite creates beside it."""
    for path in Path(data_dir).glob("store.sqlite3*"):
        path.unlink()


@dataclass
class Writer:
    """Writes one process's journal."""

    folder: RunFolder
    token: str
    pid: int = 1
    root: str = "/srv"
    started_at: float = 1_700_000_000.0
    known: set[str] = field(default_factory=set)
    numbers: int = 0

    def __post_init__(self) -> None:
        self.path = self.folder.path / f"journal-{self.token}.jsonl"
        self.line(
            "process", version=FORMAT_VERSION, pid=self.pid, started_at=self.started_at, root=self.root,
            engine="monitoring", reason="", branch=False, python="3.13.0",
        )  # fmt: skip

    def line(self, kind: str, **fields: Any) -> None:
        self.write(f"{line_of(kind, **fields)}\n".encode())

    def write(self, data: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(data)

    def trace(self, trace: Trace) -> str:
        """Write a trace, unless this journal already contains it, and return its id."""
        if trace.id not in self.known:
            self.known.add(trace.id)
            self.line("trace", **fields_of(trace))
        return trace.id

    def request(self, trace: Trace, started_at: float, *, traced: bool = True, **fields: Any) -> str:
        """Write a request and return its id; if ``traced``, also the trace, unless this journal already contains it."""
        self.numbers += 1
        request_id = f"{self.token}-{self.numbers}"
        record = {
            "id": request_id, "trace": self.trace(trace) if traced else trace.id, "method": "GET", "route": "/",
            "endpoint": "index", "path": "/", "test": None, "status": 200, "started_at": started_at,
            "duration_ms": 1.5, **fields,
        }  # fmt: skip
        self.line("request", **record)
        return request_id
