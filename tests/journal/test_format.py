"""Lines of a journal: the parser reads back what each writer writes, skips unknown kinds, and names torn lines.

Tests ``journal.format``.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage import journal
from flask_livecoverage.journal import fold, reader
from flask_livecoverage.journal import format as journal_format
from flask_livecoverage.journal.format import (
    LINE_PREFIX,
    header,
    header_line,
    imports_of,
    objects,
    pieces,
    pop_kind,
    prefix_of,
    process_of,
    rules_of,
    source_files_of,
    trace_of,
)
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail
from flask_livecoverage.keploy import collector
from flask_livecoverage.model.records import Process
from flask_livecoverage.store import open_store
from flask_livecoverage.store.ingest import batch

from ..support.journals import Writer, run_folder
from ..support.journals import trace_of as make_trace
from ..support.strategies import JournalLine, journal_lines, unknown_lines

# The functions that read a value out of the fields of a line; the fields of other kinds are the value.
READERS: dict[str, Any] = {
    "process": process_of,
    "sources": source_files_of,
    "imports": imports_of,
    "rules": rules_of,
    "trace": trace_of,
}

any_lines = st.one_of(*(st.tuples(st.just(kind), lines) for kind, lines in journal_lines.items()))


def read(data: bytes) -> list[tuple[int, str, Any]]:
    """Return the offset, the kind and the value of each line."""
    found = []
    for offset, fields in objects(data):
        kind = pop_kind(fields)
        found.append((offset, kind, READERS.get(kind, dict)(fields)))
    return found


# The kinds that each reader of journals leaves out, and where they are read instead, if anywhere.
IGNORED = {
    # The others are the reader's own.
    fold: {"process", "sources", "imports", "rules", "trace", "ambient", "lost", "gone"},
    # `gone` has no content. Only the store needs imports.
    reader: {"gone", "imports"},
    # `process` and `window` are read by `sync`.
    batch: {"process", "window", "gone"},
    # Only the traces of requests count, which `tail` reads.
    collector: {"process", "sources", "imports", "rules", "trace", "ambient", "lost", "gone"},
}


class TestKinds:
    @pytest.mark.parametrize("module", IGNORED, ids=lambda module: module.__name__)
    def test_each_is_read_or_ignored_on_purpose(self, module: ModuleType) -> None:
        taken = kinds_in(module) | (kinds_in(fold) if module is reader else set())
        assert taken.isdisjoint(IGNORED[module])
        assert taken | IGNORED[module] == journal_lines.keys()

    @given(line=any_lines)
    def test_tail_returns_all_but_traces(self, line: tuple[str, JournalLine]) -> None:
        kind, written = line
        with TemporaryDirectory() as folder:
            run = RunFolder(Path(folder))
            Writer(run, "aaaaaaaa").write(written.text.encode("ascii") + b"\n")
            found = [kind for kind, _ in Tail(run).read()]
        assert found == (["process"] if kind == "trace" else ["process", kind])


def kinds_in(module: ModuleType) -> set[str]:
    """Return the texts with which ``module`` compares a variable ``kind``."""
    found = set()
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "kind":
            constants = [one for compared in node.comparators for one in ast.walk(compared)]
            found |= {one.value for one in constants if isinstance(one, ast.Constant) and isinstance(one.value, str)}
    return found


class TestRoundTrip:
    def test_each_documented_kind_is_generated(self) -> None:
        assert set(re.findall(r"^``(\w+)``$", str(journal.__doc__), re.M)) == journal_lines.keys()

    @pytest.mark.parametrize("kind", journal_lines)
    @given(data=st.data())
    def test_value_of_each_kind(self, kind: str, data: st.DataObject) -> None:
        line = data.draw(journal_lines[kind])
        assert read(line.text.encode()) == [(0, kind, line.value)]

    @given(line=any_lines)
    def test_line_is_ascii_and_begins_with_its_kind(self, line: tuple[str, JournalLine]) -> None:
        """So a line after a torn one is found, and lines of a kind are found without parsing the others."""
        kind, written = line
        data = written.text.encode("ascii")
        assert b"\n" not in data
        assert data.count(LINE_PREFIX) <= 1
        if kind != "process":
            assert data.startswith(prefix_of(kind))

    @given(lines=st.lists(any_lines, max_size=6))
    def test_many_lines_at_once(self, lines: list[tuple[str, JournalLine]]) -> None:
        expected, data = [], b""
        for kind, line in lines:
            expected.append((len(data), kind, line.value))
            data += f"{line.text}\n".encode()
        assert read(data) == expected

    @given(lines=st.lists(any_lines, max_size=6), size=st.integers(1, 400), start=st.integers(0, 5))
    def test_pieces_of_any_size(self, lines: list[tuple[str, JournalLine]], size: int, start: int) -> None:
        texts = [f"{line.text}\n".encode() for _, line in lines]
        data, begin = b"".join(texts), len(b"".join(texts[:start]))
        with pytest.MonkeyPatch.context() as small:
            small.setattr(journal_format, "PIECE_BYTES", size)
            found = list(pieces(io.BytesIO(data), begin))
        assert all(piece.endswith(b"\n") for _, piece in found)
        assert b"".join(piece for _, piece in found) == data[begin:]
        assert all(data[position:].startswith(piece) for position, piece in found)

    @given(line=journal_lines["process"])
    def test_header(self, line: JournalLine) -> None:
        assert header(line.text.encode()) == (line.value, "")

    @given(line=any_lines)
    def test_other_first_lines_are_refused(self, line: tuple[str, JournalLine]) -> None:
        kind, written = line
        process, problem = header(written.text.encode())
        assert (process is None) == (kind != "process")
        assert problem == ("" if kind == "process" else "not a journal of Flask-LiveCoverage, skipped")

    def test_header_of_a_newer_version_names_it(self) -> None:
        text = header_line({"pid": 1}).replace('"version": 1', '"version": 2')
        assert header(text.encode()) == (None, "written in format 2, which this version cannot read, skipped")


@contextmanager
def journal_with_requests(count: int) -> Iterator[Writer]:
    with TemporaryDirectory() as folder:
        writer = Writer(run_folder("run", Path(folder) / "data"), "aaaaaaaa")
        for number in range(count):
            writer.request(make_trace({"/srv/app.py": [number + 1]}), 1_700_000_000.0 + number)
        yield writer


def stored_requests(folder: RunFolder) -> tuple[list[str], list[str]]:
    """Return the ids of the requests that the store reads, and its warnings."""
    with open_store("sqlite://") as store, store.recorded([store.sync(folder)]) as queries:
        return sorted(record.id for record in queries.requests.newest()), store.warnings


class TestUnknownKinds:
    @given(line=unknown_lines())
    def test_have_a_kind_and_no_error(self, line: str) -> None:
        ((_, kind, _),) = read(line.encode())
        assert kind not in journal_lines

    @settings(max_examples=25, deadline=None)
    @given(lines=st.lists(unknown_lines(), min_size=1, max_size=4))
    def test_are_skipped_by_all_readers(self, lines: list[str]) -> None:
        with journal_with_requests(2) as writer:
            before = read_run(writer.folder)
            for line in lines:
                writer.write(f"{line}\n".encode())
            writer.request(make_trace({"/srv/app.py": [1]}), 1_700_000_009.0)
            run = read_run(writer.folder)
            assert run.warnings == []
            assert list(run.requests[:2]) == list(before.requests)
            ids = [request.id for request in run.requests]
            assert len(ids) == 3
            assert [line["id"] for kind, line in Tail(writer.folder).read() if kind == "request"] == ids
            assert stored_requests(writer.folder) == (ids, [])


class TestTornLines:
    @settings(max_examples=40, deadline=None)
    @given(line=any_lines, cut=st.integers(1, 10_000))
    def test_last_line_is_named(self, line: tuple[str, JournalLine], cut: int) -> None:
        """A kill in the middle of a write. The store waits for the rest of the line."""
        with journal_with_requests(2) as writer:
            data = line[1].text.encode()
            writer.write(data[: cut % len(data) or 1])
            run = read_run(writer.folder)
            ids = [request.id for request in run.requests]
            assert run.warnings == [f"{writer.path}: the last line is torn, skipped"]
            assert ids == ["aaaaaaaa-1", "aaaaaaaa-2"]
            assert [line["id"] for kind, line in Tail(writer.folder).read() if kind == "request"] == ids
            assert stored_requests(writer.folder) == (ids, [])

    @settings(max_examples=40, deadline=None)
    @given(line=any_lines, cut=st.integers(1, 10_000))
    def test_line_in_the_middle_is_named_and_the_next_one_is_read(
        self, line: tuple[str, JournalLine], cut: int
    ) -> None:
        """The disk was full for a moment: the next line follows directly after the half of one."""
        with journal_with_requests(2) as writer:
            data = line[1].text.encode()
            writer.write(data[: cut % len(data) or 1])
            writer.request(make_trace({"/srv/app.py": [1]}), 1_700_000_009.0)
            run = read_run(writer.folder)
            ids = [request.id for request in run.requests]
            warnings = [f"{writer.path}: 1 line cannot be read, skipped"]
            assert run.warnings == warnings
            assert ids == ["aaaaaaaa-1", "aaaaaaaa-2", "aaaaaaaa-3"]
            assert [line["id"] for kind, line in Tail(writer.folder).read() if kind == "request"] == ids
            assert stored_requests(writer.folder) == (ids, warnings)

    def test_first_line_of_a_process_that_was_killed(self, tmp_path: Path) -> None:
        folder = run_folder("run", tmp_path)
        path = folder.path / "journal-aaaaaaaa.jsonl"
        text = header_line(dict.fromkeys(Process.__slots__, 1))
        for cut in range(1, len(text)):
            path.write_text(text[:cut])
            assert read_run(folder).warnings == [f"{path}: the last line is torn, skipped"]
