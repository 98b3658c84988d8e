"""A run with real files, what coverage.py counts of it, and snapshots of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import coverage
import pytest

from flask_livecoverage.dashboard.held_store import HeldStore
from flask_livecoverage.dashboard.run_reader import Config, NotReady, RunReader
from flask_livecoverage.dashboard.snapshot import Snapshot
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.sources.content import content_hash
from flask_livecoverage.store import RunQueries, open_store, store_url

from ..support.journals import Writer, run_folder
from ..support.polling import wait_until

NOW = 1_700_000_000.0

SOURCE = '''
"""Statements over several lines, nested ones, decorators, excluded lines."""
import os


def plain(value):
    if value:
        return 1
    return 2


@property
def several(
    value,
    other=None,
):
    """A docstring
    over lines."""
    return dict(
        a=value,
        b=[
            item
            for item in (value or [])
        ],
    )


def hidden():  # pragma: no cover
    return os


class Thing:
    name = (
        "thing"
    )

    def method(self): return self.name
'''.lstrip()


def executed(lines: Iterable[int], path: Path) -> tuple[list[int], list[int], list[int]]:
    """Executed, missing and excluded lines, as coverage.py reports them for data with ``lines``."""
    cov = coverage.Coverage(data_file=None)
    cov.get_data().add_lines({str(path): lines})
    _, statements, excluded, missing, _ = cov.analysis2(str(path))
    cov.get_data().close(force=True)
    return sorted(set(statements) - set(missing)), missing, excluded


class Recording:
    """A run with real files."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.folder = folder
        self.paths = [folder / f"module_{number}.py" for number in range(count)]
        for path in self.paths:
            path.write_text(f"{SOURCE}\n# {path.name}\n")
        self.run = run_folder()
        self.config = Config(str(self.run.path), None, "/__coverage__", [str(path) for path in self.paths])
        self.reader = RunReader(self.config)
        self.all: list[tuple[float, Trace]] = []
        self.ambient: list[Trace] = []

    def writer(self, token: str) -> Writer:
        return Writer(self.run, token, root=str(self.folder))

    def trace(self, lines_by_file: dict[int, Iterable[int]]) -> Trace:
        return Trace.of(
            {
                str(self.paths[number]): FileLines(content_hash(str(self.paths[number])), to_bitmap(lines))
                for number, lines in lines_by_file.items()
            }
        )

    def request(self, writer: Writer, trace: Trace, at: float, **fields: object) -> str:
        self.all.append((at, trace))
        return writer.request(trace, at, **fields)

    def start_up(self, writer: Writer, trace: Trace) -> None:
        self.ambient.append(trace)
        writer.line("ambient", trace=writer.trace(trace))

    def snapshot(self) -> Snapshot:
        return snapshot_of(self.reader)

    @contextmanager
    def recorded(self) -> Iterator[tuple[Snapshot, RunQueries]]:
        """A snapshot that includes everything recorded, and the store's content at that moment."""
        held = held_store_of(self.reader)
        try:
            with self.reader.recorded(held) as queries:
                yield held.snapshot, queries
        finally:
            held.release()

    def covered(self, requests: Iterable[Trace]) -> dict[str, list[int]]:
        """The lines that coverage.py counts as executed, by file."""
        found = {}
        everything = [*self.ambient, *requests]
        for path in self.paths:
            traces = [trace for trace in everything if str(path) in trace.files]
            lines = {line for trace in traces for line in from_bitmap(trace.files[str(path)].lines)}
            found[path.name] = executed(lines, path)[0]
        return found


def held_store_of(reader: RunReader) -> HeldStore:
    """A snapshot that includes everything recorded, with the store of that moment, held for the caller."""

    def current() -> HeldStore | None:
        try:
            answer = reader.hold()
        except NotReady:
            return None
        if answer.is_current:
            return answer.content
        answer.content.release()
        return None

    return wait_until(current, "the snapshot includes everything recorded")


def snapshot_of(reader: RunReader) -> Snapshot:
    """A snapshot that includes everything recorded."""
    held = held_store_of(reader)
    held.release()
    return held.snapshot


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    with closing(recording.reader):
        yield recording


def shown(snapshot: Snapshot) -> dict[str, list[int]]:
    return {file.name: from_bitmap(file.covered) for file in snapshot.files.values()}


CONTENTS = [
    "def f(n):\n    if n:\n        return 1\n    return 2\n",
    "import os\n\n\ndef f(n):\n    return (\n        n\n    )\n",
    "x = 1\n",
]


class Edited:
    """A run whose files are edited while it is recorded, and after it."""

    def __init__(self, folder: Path, run_id: str = "older") -> None:
        self.paths = [folder / "a.py", folder / "b.py"]
        self.folder = run_folder(run_id)
        self.writer = Writer(self.folder, "1a", root=str(folder))
        for path in self.paths:
            path.write_text(self.content(path, 0))
        self.writer.line("sources", files=[str(path) for path in self.paths])
        self.requests = 0

    @staticmethod
    def content(path: Path, number: int) -> str:
        return f"{CONTENTS[number]}# {path.name}\n"

    def request(self, number: int, lines: Iterable[int]) -> None:
        """A request that executes these lines of a file as it is now."""
        path = self.paths[number]
        content = hash_of(path.read_bytes())
        self.writer.request(Trace.of({str(path): FileLines(content, to_bitmap(lines))}), NOW + self.requests)
        self.requests += 1

    def edit(self, number: int, text: str) -> None:
        """Edit a file, after something has read the run."""
        self.synchronise()
        self.paths[number].write_text(text)

    def synchronise(self) -> None:
        """As a command does that reads the run."""
        with open_store(store_url(self.folder.path.parent.parent, None)) as store:
            store.sync(self.folder)
