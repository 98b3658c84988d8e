"""A run is read back exactly. Lines that cannot be read are named, and all other lines are read.

Tests ``journal.reader``, ``journal.fold``, ``journal.format``, ``journal.run_folder`` and ``journal.windows``.
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run, reading_and_reset, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run

from .reading import ids, read_and_reset

PROCESS = {
    "type": "process", "version": 1, "pid": 7, "started_at": 10.0, "root": "/app", "engine": "ctrace", "reason": "r",
    "branch": False, "python": "3.13.0",
}  # fmt: skip


def request(number: int, trace: str = "t", **fields: Any) -> dict[str, Any]:
    return {
        "type": "request", "id": f"r-{number}", "trace": trace, "method": "GET", "path": "/", "route": None,
        "endpoint": None, "status": 200, "started_at": 100.0 + number, "duration_ms": 1.0, "test": None, **fields,
    }  # fmt: skip


def trace(name: str = "t", lines: str = "6", content: str = "c", **fields: Any) -> dict[str, Any]:
    return {"type": "trace", "id": name, "files": {"/app/a.py": {"content": content, "lines": lines, **fields}}}


def window(at: float, name: str) -> dict[str, Any]:
    return {"type": "window", "at": at, "name": name}


Line = dict[str, Any] | bytes


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return DataDir(tmp_path).run("run-1")


@pytest.fixture
def write(folder: RunFolder) -> Callable[..., Path]:
    """Return a function that appends lines to a journal, objects as JSON and bytes unchanged, after a header."""

    def write(*lines: Line, name: str = "a", header: dict[str, Any] | None = PROCESS) -> Path:
        path = folder.path / f"journal-{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            for line in (*([header] if header and not file.tell() else []), *lines):
                file.write(
                    line if isinstance(line, bytes) else json.dumps(line, separators=(",", ":")).encode() + b"\n"
                )
        return path

    return write


class TestWhole:
    def test_everything_comes_back(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(
            {"type": "sources", "files": ["/app/b.py", "/app/a.py"]},
            trace("start", "2"),
            {"type": "ambient", "trace": "start"},
            trace("t", "e", arcs=[[-1, 1], [1, 2]]),
            request(1, test="login", route="/", endpoint="index"),
        )
        run = read_run(folder)
        assert run.warnings == []
        assert (run.id, run.root, run.branch, run.processes[0].pid) == ("run-1", "/app", False, 7)
        assert run.source_files == ["/app/a.py", "/app/b.py"]
        assert run.ambient == ["start"]
        assert run.traces["t"].line_numbers() == {"/app/a.py": [1, 2, 3]}
        assert run.traces["t"].files["/app/a.py"].arcs == {(-1, 1), (1, 2)}
        (found,) = run.requests
        assert (found.test, found.pid, found.window, found.endpoint) == ("login", 7, None, "index")

    def test_requests_are_in_the_order_of_their_start(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(3), request(1))
        write(request(2), name="b")
        assert ids(read_run(folder)) == ["r-1", "r-2", "r-3"]

    def test_run_that_does_not_exist_is_empty(self, folder: RunFolder) -> None:
        run = read_run(folder)
        assert (run.requests, run.processes, run.warnings, run.root) == ([], [], [], "")


class TestBadInput:
    def one_warning(self, folder: RunFolder, *parts: str) -> Run:
        run = read_run(folder)
        assert len(run.warnings) == 1, run.warnings
        assert all(part in run.warnings[0] for part in parts), run.warnings
        assert "\n" not in run.warnings[0]
        return run

    def test_torn_last_line(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        path = write(trace(), request(1), b'{"type":"request","id":"r-2","tr')
        assert ids(self.one_warning(folder, str(path), "last line is torn")) == ["r-1"]

    @pytest.mark.parametrize(
        "line",
        [
            b"\x00\x01garbage\xff\n", b"[]\n", b"1\n", b'{"type":"request","id":"r-9"}\n', b"{" * 9 + b"\n",
            b"[" * 100_000 + b"\n",
            {**request(9), "unknown": 1}, {**request(9), "started_at": "soon"}, {**request(9), "status": None},
            {**request(9), "test": ["x"]}, {"type": "trace", "id": "t9", "files": []}, trace("t9", "-6"),
            trace("t9", ""),
            {"type": "trace", "id": "t9", "files": {"/app/a.py": []}}, trace("t9", arcs=[1]), trace("t9", arcs=[[1]]),
            {"type": "ambient"}, {"type": "ambient", "trace": {}}, {"type": "amend", "id": "r-1"},
            {"type": "window", "at": "now", "name": "w"}, {"type": "sources", "files": "abc"}, {"type": ["request"]},
            {**PROCESS, "root": None},
        ],
    )  # fmt: skip
    def test_corrupt_line_in_the_middle(self, folder: RunFolder, write: Callable[..., Path], line: Line) -> None:
        path = write(trace(), request(1), line, request(2))
        run = self.one_warning(folder, str(path), "1 line cannot be read")
        assert ids(run) == ["r-1", "r-2"]
        assert len(run.processes) == 1
        assert run.source_files == []
        assert run.windows == []

    def test_several_are_counted(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(b"x\n", trace(), b"y\n", request(1))
        assert ids(self.one_warning(folder, "2 lines cannot be read")) == ["r-1"]

    def test_line_right_after_a_torn_one_is_found(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), b'{"type":"request","id":"r-1","path":"{\\"type\\":', request(2), request(3))
        assert ids(self.one_warning(folder, "1 line cannot be read")) == ["r-2", "r-3"]

    @pytest.mark.parametrize("content", [b"not ours\n", b'{"type":"request"}\n', b"\x00" * 64, b"\n\n", b"[]\n"])
    def test_foreign_file_with_a_journals_name(
        self, folder: RunFolder, write: Callable[..., Path], content: bytes
    ) -> None:
        write(trace(), request(1))
        foreign = write(content, name="foreign", header=None)
        run = read_run(folder)
        assert ids(run) == ["r-1"]
        assert f"{foreign}: not a journal of Flask-LiveCoverage, skipped" in run.warnings

    def test_foreign_file_beside_the_journals(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(1))
        (folder.path / "notes.txt").write_text("mine")
        assert ids(self.one_warning(folder, "notes.txt", "not a file of Flask-LiveCoverage")) == ["r-1"]

    def test_other_version(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(1))
        newer = write(request(2), name="newer", header={**PROCESS, "version": 2})
        assert ids(self.one_warning(folder, str(newer), "format 2", "skipped")) == ["r-1"]

    def test_unknown_kinds_are_skipped(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write({"type": "weather", "sun": True}, trace(), request(1))
        run = read_run(folder)
        assert ids(run) == ["r-1"]
        assert run.warnings == []

    def test_journal_of_a_process_that_has_just_begun(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(name="new", header=None)
        assert read_run(folder).warnings == []

    def test_journal_that_cannot_be_opened(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(1))
        (folder.path / "journal-odd.jsonl").mkdir()
        assert ids(self.one_warning(folder, "journal-odd.jsonl", "cannot be read")) == ["r-1"]

    def test_missing_traces(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(1), request(2, "gone"), request(3, "gone"))
        assert ids(self.one_warning(folder, "2 requests", "r-2")) == ["r-1", "r-2", "r-3"]


class TestAmends:
    def test_lines_are_added_and_the_rest_replaced(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        amend = {"type": "amend", "id": "r-1", "trace": "later", "status": 500, "duration_ms": 9.0}
        write(trace("t", "2"), request(1), trace("later", "4"), amend)
        run = read_run(folder)
        (found,) = run.requests
        assert (found.status, found.duration_ms) == (500, 9.0)
        assert run.traces[found.trace].line_numbers() == {"/app/a.py": [1, 2]}

    def test_from_another_process_without_status(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write({"type": "amend", "id": "r-1", "trace": "later"}, trace("later", "4"), name="0-child")
        write(trace("t", "2"), request(1), name="parent")
        run = read_run(folder)
        (found,) = run.requests
        assert (found.status, found.duration_ms) == (200, 1.0)
        assert run.traces[found.trace].line_numbers() == {"/app/a.py": [1, 2]}
        assert run.warnings == []

    def test_of_a_changed_file_the_newer_content_counts(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        amend = {"type": "amend", "id": "r-1", "trace": "later"}
        write(trace("t", "2"), request(1), trace("later", "4", content="new"), amend)
        run = read_run(folder)
        assert run.traces[run.requests[0].trace].line_numbers() == {"/app/a.py": [2]}

    def test_of_a_request_whose_trace_is_missing(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        """Late lines alone would look like all of its lines."""
        write(request(1, "gone"), trace("later", "4"), {"type": "amend", "id": "r-1", "trace": "later"})
        run = read_run(folder)
        assert run.requests[0].trace == "gone"
        assert run.warnings == ["1 request without lines: the traces of r-1 are missing"]

    def test_missing_trace_is_named(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace(), request(1), {"type": "amend", "id": "r-1", "trace": "gone"})
        assert read_run(folder).warnings == ["request r-1: trace gone is missing"]


class TestWindows:
    def test_are_the_same_for_all_processes(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(window(101.5, "first"), window(103.5, "second"), trace(), request(1), request(2), request(3), name="a")
        write(window(104.5, ""), request(4), request(5, test="own"), request(6), window(105.5, "third"), name="b")
        run = read_run(folder)
        assert [(r.window, r.test) for r in run.requests] == [
            (None, None),
            ("first", "first"),
            ("first", "first"),
            ("second", "second"),
            (None, "own"),
            ("third", "third"),
        ]
        assert [w.closed_at for w in run.windows] == [103.5, 104.5, None]
        assert run.open_window is not None
        assert run.open_window.name == "third"

    def test_identity_of_the_client_wins(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(window(100.0, "w"), trace(), request(1, test="own"))
        (found,) = read_run(folder).requests
        assert (found.window, found.test) == ("w", "own")

    def test_bounds(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(window(101.0, "w"), window(102.0, ""), trace(), request(1), request(2))
        assert [r.window for r in read_run(folder).requests] == ["w", None]

    def test_closing_without_an_open_one_does_nothing(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(window(99.0, ""), trace(), request(1))
        run = read_run(folder)
        assert run.windows == []
        assert run.open_window is None


class TestMarks:
    def test_reset_counts_from_now_and_deletes_nothing(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        path = write(trace(), request(1))
        before = path.read_bytes()
        reset(folder)
        write(request(2))
        assert path.read_bytes().startswith(before)
        assert ids(read_run(folder, since_mark=True)) == ["r-2"]
        assert ids(read_run(folder)) == ["r-1", "r-2"]

    def test_traces_from_before_are_kept(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace("start"), {"type": "ambient", "trace": "start"}, trace("old"), request(1, "old"))
        reset(folder)
        run = read_run(folder, since_mark=True)
        assert run.ambient == ["start"]
        assert run.before_reset == ["old"]
        assert set(run.traces) == {"start", "old"}

    def test_line_being_written_at_the_reset_counts_after_it(
        self, folder: RunFolder, write: Callable[..., Path]
    ) -> None:
        line = json.dumps(request(2)).encode()
        write(trace(), request(1), line[:50])
        assert ids(read_and_reset(folder)) == ["r-1"]
        write(line[50:] + b"\n")
        assert ids(read_and_reset(folder)) == ["r-2"]
        assert ids(read_and_reset(folder)) == []

    def test_journal_that_begins_after_the_reset_counts_whole(
        self, folder: RunFolder, write: Callable[..., Path]
    ) -> None:
        write(trace(), request(1))
        reset(folder)
        write(request(2), name="b")
        assert ids(read_run(folder, since_mark=True)) == ["r-2"]

    def test_journal_that_cannot_be_opened_keeps_its_mark(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        path = write(trace(), request(1))
        reset(folder)
        hidden = path.rename(path.with_suffix(".hidden"))
        path.mkdir()
        read_and_reset(folder)
        path.rmdir()
        hidden.rename(path)
        assert ids(read_run(folder, since_mark=True)) == []

    def test_late_lines_after_the_reset_are_ambient_without_those_from_before(
        self, folder: RunFolder, write: Callable[..., Path]
    ) -> None:
        write(trace("old", "6", arcs=[[-1, 1], [1, 2]]), request(1, "old"))
        reset(folder)
        later = trace("later", "e", arcs=[[-1, 1], [1, 2], [2, 3]])
        write(later, {"type": "amend", "id": "r-1", "trace": "later", "status": 200, "duration_ms": 5.0})
        run = read_run(folder, since_mark=True)
        (ambient,) = run.ambient
        assert run.traces[ambient].line_numbers() == {"/app/a.py": [3]}
        assert run.traces[ambient].files["/app/a.py"].arcs == {(2, 3)}

    def test_requests_before_the_mark_are_not_held_in_memory(
        self, folder: RunFolder, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flask_livecoverage.journal.format.PIECE_BYTES", 1 << 14)
        path = write(trace(), *(request(number) for number in range(10_000)))
        reset(folder)
        write(request(10_000))
        tracemalloc.start()
        try:
            assert ids(read_run(folder, since_mark=True)) == ["r-10000"]
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < path.stat().st_size / 4

    @pytest.mark.parametrize("piece", [1, 100, 1 << 22])
    def test_pieces_of_any_size(
        self, piece: int, folder: RunFolder, write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("flask_livecoverage.journal.format.PIECE_BYTES", piece)
        write(trace("old", "6"), request(1, "old"), b"broken\n", request(2, "old"))
        reset(folder)
        write(trace("new", "e"), {"type": "amend", "id": "r-1", "trace": "new"}, request(3, "new"), b'{"type":"re')
        run = read_run(folder, since_mark=True)
        assert ids(run) == ["r-3"]
        assert [run.traces[id_].line_numbers() for id_ in run.ambient] == [{"/app/a.py": [3]}]
        assert len(run.warnings) == 2
        assert ids(read_run(folder)) == ["r-1", "r-2", "r-3"]

    def test_nothing_new_ran_after_the_reset(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        write(trace("old", "6"), request(1, "old"))
        reset(folder)
        write({"type": "amend", "id": "r-1", "trace": "old", "status": 500, "duration_ms": 5.0})
        assert read_run(folder, since_mark=True).ambient == []

    def test_reset_waits_for_the_block(self, folder: RunFolder, write: Callable[..., Path]) -> None:
        def fail() -> None:
            with reading_and_reset(folder) as run:
                assert ids(run) == ["r-1"]
                raise RuntimeError("no report")

        write(trace(), request(1))
        with pytest.raises(RuntimeError, match="no report"):
            fail()
        assert ids(read_and_reset(folder)) == ["r-1"]
        assert ids(read_and_reset(folder)) == []
