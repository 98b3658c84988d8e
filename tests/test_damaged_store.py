"""A store or marks that are cut or garbled: said in one clear line, made anew, and never at the journals' cost."""

from __future__ import annotations

import gc
import random
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flask_livecoverage.errors import DataError
from flask_livecoverage.journal import RunFolder
from flask_livecoverage.model import Run
from flask_livecoverage.reader import read_run, reading_and_reset, reset
from flask_livecoverage.store import open_store, store_url

from .journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
REQUESTS = 300


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = run_folder("run", tmp_path / ".livecov")
    writer = Writer(folder, "aaaaaaaa")
    for number in range(REQUESTS):
        trace = trace_of({f"/srv/{number % 7}.py": [1, number % 50 + 2]})
        request = writer.request(
            trace, NOW + number, path=f"/{number}", test=f"test {number % 20}", route=f"/{number % 3}"
        )
        if number % 9 == 0:
            writer.line("amend", id=request, trace=writer.trace(trace_of({"/srv/late.py": [3]})), status=500)
        if number % 50 == 0:
            writer.line("window", name=f"window {number}", at=NOW + number)
    return folder


def ask(folder: RunFolder) -> Run:
    """All that the store says, from several of its tables."""
    with open_store(store_url(folder.path.parent.parent, None)) as store:
        number = store.sync(folder)
        with store.recorded([number]) as recorded:
            for by in ("test", "route", "request"):
                list(recorded.executed(by))  # type: ignore[arg-type]
            recorded.ran("/srv/1.py", [1])
            recorded.rules()
            return Run("", [], recorded.requests(), recorded.traces())


def test_damaged_store_is_not_held_open(folder: RunFolder) -> None:
    """Who removes it, as the error says, must not meet a connection that is closed at any time later."""
    path = folder.path.parent.parent / "store.sqlite3"
    path.write_bytes(b"no database" * 1000)
    gc.disable()
    try:
        with pytest.raises(DataError, match="file is not a database"):
            ask(folder)
        assert [file.path for file in psutil.Process().open_files() if file.path.startswith(str(path))] == []
    finally:
        gc.enable()


@pytest.mark.promise
def test_store_cut_or_garbled_anywhere(folder: RunFolder, thorough: bool) -> None:
    """SQLite cannot see every garbled byte. What is seen is said in one line; and the store can be made anew."""
    whole = ask(folder)
    assert len(whole.requests) == REQUESTS
    path = folder.path.parent.parent / "store.sqlite3"
    data = path.read_bytes()
    journals = {journal: journal.read_bytes() for journal in folder.journals()}
    chance = random.Random(42)
    refused = []
    for number in range(600 if thorough else 24):
        garbled = bytearray(data)
        if number % 4 == 0:
            del garbled[chance.randrange(len(data)) :]
        else:
            for _ in range(chance.choice([1, 8, 200])):
                garbled[chance.randrange(len(data))] ^= chance.randrange(1, 256)
        path.write_bytes(garbled)
        try:
            ask(folder)
        except DataError as error:
            refused.append(str(error))
        for beside in path.parent.glob("store.sqlite3-*"):
            beside.unlink()
    assert len(refused) > number // 4
    for message in refused:
        assert "\n" not in message
        assert str(path) in message
        assert "made anew from the journals" in message
    assert {journal: journal.read_bytes() for journal in folder.journals()} == journals
    path.unlink()
    assert ask(folder) == whole


def test_command_says_so_in_one_line(folder: RunFolder) -> None:
    path = folder.path.parent.parent / "store.sqlite3"
    ask(folder)
    path.write_bytes(path.read_bytes()[:9000])
    command = [sys.executable, "-m", "flask", "livecov", "requests", "--data-dir", str(path.parent)]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert refused.stdout == ""
    assert [line for line in refused.stderr.splitlines() if line] == [refused.stderr.strip()]
    assert "remove it if it is broken: it is made anew from the journals" in refused.stderr
    path.unlink()
    assert f"/{REQUESTS - 1}" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


class TestMarks:
    @pytest.mark.parametrize(
        "line",
        [
            b"garbage", b"\xff\xfe", b"\0" * 9, b"[]", b"1", b"{}", b'{"offsets":5}', b'{"offsets":{"j":"x"}}',
            b'{"offsets":{"j":null}}', b'{"offsets":{"j":1e999}}', b'{"offsets":{"j":NaN}}', b'{"offsets":{"j":[]}}',
            b"[" * 100_000, b'{"offsets":{"j":' + b"9" * 5000 + b"}}",
        ],
    )  # fmt: skip
    def test_garbled_line(self, folder: RunFolder, line: bytes, caplog: pytest.LogCaptureFixture) -> None:
        """The mark before it counts, and the next one does."""
        reset(folder)
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        with (folder.path / "marks.jsonl").open("ab") as marks:
            marks.write(line)
        assert [request.id for request in read_run(folder, since_mark=True).requests] == ["bbbbbbbb-1"]
        assert [record.getMessage() for record in caplog.records] == [
            f"{folder.path / 'marks.jsonl'}: a line cannot be read: the mark before it counts"
        ]
        with reading_and_reset(folder) as run:
            assert len(run.requests) == 1
        assert read_run(folder, since_mark=True).requests == []
        assert len(ask(folder).requests) == REQUESTS + 1

    @pytest.mark.promise
    def test_cut_at_any_byte(self, folder: RunFolder, thorough: bool) -> None:
        """A reset is there wholly or not at all."""
        reset(folder)
        path = folder.path / "marks.jsonl"
        before = path.stat().st_size
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        reset(folder)
        data = path.read_bytes()
        for cut in {*range(0, len(data), 1 if thorough else 7), before - 2, before - 1, before, before + 1, len(data)}:
            path.write_bytes(data[:cut])
            # A line is whole without its newline too, and what comes first is an empty line.
            expected = 0 if cut >= len(data) - 1 else 1 if cut >= before - 1 else REQUESTS + 1
            assert len(read_run(folder, since_mark=True).requests) == expected, cut
