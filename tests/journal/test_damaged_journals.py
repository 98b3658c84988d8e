"""Journals truncated at any byte, damaged, or not journals at all: whole lines are read, and nothing else is reported.

The oracle is :func:`tests.end_to_end.crash.truth.read_journals`, which reads the lines of a journal before it is
damaged.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail

from ..end_to_end.crash.truth import TORN, read_journals
from .whole_journals import FIRST, SECOND, answers_of, as_stored, ask_store, journal, read_by_all, write_journals


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return write_journals(tmp_path / ".livecov")


class TestCut:
    def cuts(self, data: bytes, thorough: bool) -> list[int]:
        if thorough:
            return list(range(len(data) + 1))
        newlines = [position for position, byte in enumerate(data) if byte == ord("\n")]
        near = {position + step for position in newlines for step in (-1, 0, 1)}
        return sorted({0, 1, *near, *random.Random(7).sample(range(len(data)), 12)} & set(range(len(data) + 1)))

    @pytest.mark.promise
    def test_at_any_byte(self, folder: RunFolder, thorough: bool) -> None:
        path = journal(folder)
        data = path.read_bytes()
        for number, cut in enumerate(self.cuts(data, thorough)):
            path.write_bytes(data[:cut])
            torn = data[:cut].rpartition(b"\n")[2] != b""
            expected = answers_of(read_journals(folder.path))
            warnings = [f"{path}: {TORN}"] if torn else []
            # The request of the other journal uses a trace of this one.
            warnings += read_run(folder).warnings[len(warnings) :] if not expected[f"{SECOND}-1"][2] else []
            assert read_by_all(folder, store=number % 8 == 0) == (expected, warnings), cut

    @pytest.mark.promise
    def test_and_appended_to(self, folder: RunFolder, thorough: bool) -> None:
        """The disk was full for a moment: the next line follows directly after half a line."""
        path = journal(folder)
        data = path.read_bytes()
        header = data.index(b"\n") + 1
        more = journal(folder, SECOND).read_bytes().split(b"\n", 1)[1].replace(SECOND.encode(), FIRST.encode())
        more = b"".join(line for line in more.splitlines(keepends=True) if line.startswith(b'{"type":"request"'))
        more = more.replace(f"{FIRST}-1".encode(), f"{FIRST}-99".encode())
        for number, cut in enumerate(self.cuts(data, thorough)):
            path.write_bytes(data[:cut])
            before = answers_of(read_journals(folder.path))
            path.write_bytes(data[:cut] + more)
            answers, warnings = read_by_all(folder, store=number % 8 == 0)
            if cut < header:
                assert answers == {key: value for key, value in before.items() if key.startswith(SECOND)}
                assert any(warning.startswith(f"{path}: ") for warning in warnings)
            else:
                assert answers.pop(f"{FIRST}-99")[0] == "/3"
                assert answers == before
                assert (f"{path}: 1 line cannot be read, skipped" in warnings) == (not data[:cut].endswith(b"\n"))

    def test_byte_by_byte_into_one_store(self, folder: RunFolder, thorough: bool, tmp_path: Path) -> None:
        path = journal(folder)
        data = path.read_bytes()
        path.write_bytes(b"")
        for cut in self.cuts(data, thorough):
            path.write_bytes(data[:cut])
            url = f"sqlite:///{tmp_path}/byte-by-byte.sqlite3"
            found = answers_of(read_journals(folder.path))
            wanted = {key: as_stored(answer) for key, answer in found.items()}
            assert ask_store(folder, url) == wanted


# As JSON: values that no process writes for any key, or for most.
VALUES = [
    "null", "true", "0", "-1", "-0.5", "1.5", "1e308", "1e999", "-1e999", "NaN", "Infinity", "1" + "0" * 30, "9" * 5000,
    '""', '"x"', '"\\ud800"', '"\\uD800"', '"\\u0000"', '"\ud800"', '"' + "a" * 100_000 + '"', "[]", "{}", '["x"]',
    "[[1]]", "[null]", '{"a":1}', "[" * 900 + "]" * 900, "[" * 5000 + "]" * 5000, '{"a":' * 3000 + "1" + "}" * 3000,
    '[["/",1,["GET"]]]', '[["/","e","GET"]]', '[["/","e",[1]]]', '[["/","\\ud800",["GET"]]]',
    '{"/f":1}', '{"/f":{"content":5,"lines":"6"}}', '{"/f":{"content":["c"],"lines":"6"}}',
    '{"/f":{"content":"c","lines":6}}', '{"/f":{"content":"c","lines":"-6"}}', '{"/f":{"content":"c","lines":"0x6"}}',
    '{"\\ud800":{"content":"\\ud800","lines":"6"}}', '{"/f\\u0000":{"content":"c","lines":"6"}}',
    *(
        f'{{"/f":{{"content":"c","lines":"6","arcs":{arcs}}}}}'
        for arcs in ("5", "[1]", "[[1]]", "[[1,2,3]]", '[["a",1]]', '[["a","b"]]', "[[1,null]]", "[[[],[]]]",
                     "[[NaN,1]]", "[[1" + "0" * 30 + ",1]]", "{}", '{"ab":1}')
    ),
]  # fmt: skip


def raw_line(fields: dict[str, str]) -> bytes:
    """Return a line of these keys and values, which are JSON texts already."""
    text = ",".join(f'"{key}":{value}' for key, value in fields.items())
    return f"{{{text}}}\n".encode("utf-8", "surrogatepass")


def kinds_and_keys() -> Iterator[tuple[str, str]]:
    folder = Path(tempfile.mkdtemp())
    try:
        lines = [json.loads(line) for line in journal(write_journals(folder)).read_text().splitlines()]
    finally:
        shutil.rmtree(folder)
    keys = {(line["type"], key) for line in lines for key in (*line, "more")}
    yield from sorted(keys)


@pytest.mark.parametrize(("kind", "key"), list(kinds_and_keys()))
def test_any_value_for_any_key(folder: RunFolder, kind: str, key: str) -> None:
    """No value breaks a reader, or affects other lines."""
    path = journal(folder)
    before = answers_of(read_journals(folder.path))
    good = next(line for line in map(json.loads, path.read_text().splitlines()) if line["type"] == kind)
    for number, value in enumerate(VALUES, 1000):
        fields = {name: json.dumps(content) for name, content in good.items()}
        if kind in ("request", "amend"):
            fields["id"] = f'"{FIRST}-{number}"'
        if kind == "trace":
            fields["id"] = f'"trace-{number}"'
        fields[key] = value
        with path.open("ab") as file:
            file.write(raw_line(fields))
            if kind == "amend":
                asked = {**next(iter(requests_of(path))), "id": f"{FIRST}-{number}"}
                file.write(json.dumps(asked, separators=(",", ":")).encode() + b"\n")
            if kind == "trace":
                asked = {**next(iter(requests_of(path))), "id": f"{FIRST}-{number}", "trace": f"trace-{number}"}
                file.write(json.dumps(asked, separators=(",", ":")).encode() + b"\n")
    answers, warnings = read_by_all(folder)
    assert before.items() <= answers.items()
    assert all(one.startswith((str(path), "request", str(len(VALUES)))) or "without lines" in one for one in warnings)
    if key != "more" or kind in ("request", "trace", "amend"):
        assert any(one.startswith(f"{path}: ") and "cannot be read, skipped" in one for one in warnings)


def requests_of(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(errors="replace").splitlines():
        if line.startswith('{"type":"request","id":"aaaaaaaa-1"'):
            yield json.loads(line)


@pytest.mark.parametrize(
    "key", ["type", "version", "pid", "started_at", "root", "engine", "reason", "branch", "python"]
)
def test_any_value_in_the_first_line(folder: RunFolder, key: str) -> None:
    path = journal(folder)
    first, rest = path.read_bytes().split(b"\n", 1)
    fields = {name: json.dumps(content) for name, content in json.loads(first).items()}
    for value in VALUES:
        path.write_bytes(raw_line({**fields, key: value}) + rest)
        run = read_run(folder)
        assert "/3" in [request.path for request in run.requests]
        assert len(run.requests) == 5 or any(warning.startswith(f"{path}: ") for warning in run.warnings)
        Tail(folder).read()
        (found,) = DataDir(folder.path.parent.parent).runs()
        assert found.last_start() < 1e300
        if VALUES.index(value) % 10 == 0:
            assert ask_store(folder, "sqlite://").keys() == {request.id for request in run.requests}


@pytest.mark.parametrize("letter", [b"\\ud800", b"\\uD800", b"\xed\xa0\x80"])
def test_text_that_no_database_accepts(folder: RunFolder, letter: bytes) -> None:
    """The only one in its journal: journals without such text are not searched twice."""
    path = journal(folder, SECOND)
    path.write_bytes(path.read_bytes().replace(b'"/3"', b'"/' + letter + b'"'))
    answers, warnings = read_by_all(folder)
    assert answers[f"{SECOND}-1"][0] == "/\ud800"
    assert warnings == []


class TestNoJournals:
    @pytest.fixture(params=["folder", "pipe", "loop", "nowhere", "device", "empty"])
    def odd(self, request: pytest.FixtureRequest, folder: RunFolder) -> Path:
        """A file that is no journal, at the path of one."""
        path = folder.path / "journal-odd.jsonl"
        if request.param == "folder":
            path.mkdir()
        elif request.param == "pipe":
            os.mkfifo(path)
        elif request.param == "empty":
            path.touch()
        else:
            path.symlink_to({"device": "/dev/zero", "nowhere": "nowhere", "loop": path.name}[request.param])
        return path

    def test_readers_do_not_wait(self, folder: RunFolder, odd: Path) -> None:
        answers, warnings = read_by_all(folder)
        assert len(answers) == 5
        if odd.is_file():
            assert warnings == []
        else:
            assert [warning for warning in warnings if warning.startswith(f"{odd}: cannot be read (")] == warnings
            assert len(warnings) == 1
        reset(folder)
        assert read_run(folder, since_mark=True).requests == []

    def test_at_the_path_of_the_marks(self, folder: RunFolder, odd: Path, caplog: pytest.LogCaptureFixture) -> None:
        odd.rename(folder.path / "marks.jsonl")
        assert len(read_by_all(folder)[0]) == 5
        assert len(read_run(folder, since_mark=True).requests) == 5
