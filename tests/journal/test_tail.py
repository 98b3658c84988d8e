"""Following journals in steps gives the same lines as reading them at once."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flask_livecoverage.journal.format import FORMAT_VERSION
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail

HEADER = {
    "type": "process", "version": FORMAT_VERSION, "pid": 7, "started_at": 1.0, "root": "/r", "engine": "ctrace",
    "reason": "", "branch": False, "python": "3.11.0",
}  # fmt: skip


def trace(name: str, lines: int) -> dict[str, object]:
    return {"type": "trace", "id": name, "files": {"/r/a.py": {"content": "c", "lines": f"{lines:x}"}}}


def window(name: str) -> dict[str, object]:
    return {"type": "window", "name": name, "at": 1.0}


def encoded(*lines: dict[str, object]) -> bytes:
    return b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    path = tmp_path / "runs" / "r"
    path.mkdir(parents=True)
    return RunFolder(path)


def append(folder: RunFolder, name: str, data: bytes) -> None:
    with open(folder.path / f"journal-{name}.jsonl", "ab") as journal:
        journal.write(data)


def names(tail: Tail) -> list[str]:
    return [line["name"] for kind, line in tail.read() if kind == "window"]


def test_only_new_lines_are_read(folder: RunFolder) -> None:
    tail = Tail(folder)
    assert tail.read() == []
    append(folder, "a", encoded(HEADER, window("one")))
    assert names(tail) == ["one"]
    assert names(tail) == []
    append(folder, "b", encoded(HEADER, window("two")))
    append(folder, "a", encoded(window("three")))
    assert names(tail) == ["three", "two"]
    assert tail.pids == {7}


def test_a_line_counts_when_it_is_complete(folder: RunFolder) -> None:
    tail = Tail(folder)
    data = encoded(HEADER, trace("t", 6), window("one"))
    seen = []
    for position in range(len(data)):
        append(folder, "a", data[position : position + 1])
        seen += names(tail)
    assert seen == ["one"]
    found = tail.trace("t")
    assert found is not None
    assert found.line_numbers() == {"/r/a.py": [1, 2]}


def test_traces_are_found_in_any_journal(folder: RunFolder) -> None:
    tail = Tail(folder)
    append(folder, "a", encoded(HEADER, trace("t", 6), window("x")))
    append(folder, "b", encoded(HEADER, window("y"), trace("u", 8)))
    tail.read()
    append(folder, "b", encoded(trace("v", 16)))
    assert tail.trace("v") is None
    tail.read()
    found = [tail.trace(name) for name in "tuv"]
    assert [trace.line_numbers() for trace in found if trace] == [
        {"/r/a.py": [1, 2]}, {"/r/a.py": [3]}, {"/r/a.py": [4]},
    ]  # fmt: skip


def test_lines_that_cannot_be_read_are_left_out(folder: RunFolder) -> None:
    tail = Tail(folder)
    append(folder, "foreign", b"something else\n" + encoded(window("no")))
    append(folder, "newer", encoded({**HEADER, "version": FORMAT_VERSION + 1}, window("no")))
    append(
        folder, "broken", encoded(HEADER, {"type": "window"}, {"type": "news"}) + b"\xff\n[]\n" + encoded(window("yes"))
    )
    assert names(tail) == ["yes"]
    for name in ("foreign", "newer"):
        append(folder, name, encoded(window("no")))
    assert names(tail) == []


def test_a_line_after_a_torn_one(folder: RunFolder) -> None:
    tail = Tail(folder)
    append(
        folder, "a", encoded(HEADER) + encoded(window("lost"))[:-9] + encoded(trace("t", 2)) + encoded(window("one"))
    )
    assert names(tail) == ["one"]
    found = tail.trace("t")
    assert found is not None
    assert found.line_numbers() == {"/r/a.py": [1]}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_journal_without_permission(folder: RunFolder) -> None:
    append(folder, "a", encoded(HEADER, window("one")))
    (folder.path / "journal-a.jsonl").chmod(0)
    assert Tail(folder).read() == []
