"""Synchronisation of the store with the journals: only the grown ones, by several processes at once, after a kill."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store import open_store, store_url
from flask_livecoverage.store.ingest import sync

from ...support.journals import Writer, run_folder
from ..runs import NOW, TRACES, assert_equal, by_id, recorded, synced

SYNC = """
import sys
from pathlib import Path
from flask_livecoverage.journal import format
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.store import open_store, store_url

format.PIECE_BYTES = 1 << 18
print("ready", flush=True)
sys.stdin.readline()
with open_store(store_url(Path(".livecov"), None)) as store:
    def progress(done, total):
        if "--kill-after-a-piece" in sys.argv:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
    store.sync(DataDir(".livecov").run("run"), progress)
"""

# In a process of its own, because an audit hook cannot be removed.
SYNC_AUDITED = f"""
import json, os, sys
from pathlib import Path
from flask_livecoverage.journal.reader import read_run

opened = []

def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str | Path):
        opened.append(os.path.basename(arguments[0]))

def take_journals():
    names = sorted({{name for name in opened if name.startswith("journal-")}})
    opened.clear()
    return names

sys.addaudithook(look)
{SYNC}
by_store = take_journals()
read_run(DataDir(".livecov").run("run"))
print(json.dumps([by_store, take_journals(), list(store.warnings)]))
"""


class TestManyJournals:
    """Nearly all journals of a long run are those of processes that have ended."""

    @pytest.fixture
    def many(self) -> list[Writer]:
        folder = run_folder()
        writers = [Writer(folder, f"{number:08x}") for number in range(50)]
        for number, writer in enumerate(writers):
            writer.request(TRACES[1], NOW + number)
        writers[3].write(b'{"type":"torn')
        writers[4].write(b"garbage\n")
        return writers

    def synchronise(self) -> tuple[list[str], list[str], list[str]]:
        """Return the journals that the store and the reader open in another process, and the store's warnings."""
        command = [sys.executable, "-c", SYNC_AUDITED]
        done = subprocess.run(command, input="go\n", capture_output=True, text=True, check=True)
        by_store, by_reader, warnings = json.loads(done.stdout.splitlines()[-1])
        return by_store, by_reader, warnings

    def test_only_those_that_have_grown_are_opened(self, many: list[Writer]) -> None:
        folder = many[0].folder
        names = [writer.path.name for writer in many]
        by_store, by_reader, warnings = self.synchronise()
        assert by_store == by_reader == names
        assert warnings != []
        assert self.synchronise() == ([], names, warnings)
        many[7].request(TRACES[2], NOW + 100)
        many[3].write(b'"}\n')
        late = Writer(folder, "ffffffff")
        by_store, by_reader, _ = self.synchronise()
        assert by_store == sorted(writer.path.name for writer in (many[7], many[3], late))
        assert by_reader == [path.name for path in folder.journals()]
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_nothing_is_written(self, many: list[Writer]) -> None:
        path = Path(".livecov/store.sqlite3")
        with synced(many[0].folder):
            pass
        before = path.read_bytes()
        with synced(many[0].folder):
            pass
        assert path.read_bytes() == before


class TestSynchronisation:
    @pytest.fixture
    def folder(self, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
        """A run of many pieces."""
        folder = run_folder()
        writers = [Writer(folder, f"{n:08x}", pid=n) for n in range(2)]
        for number in range(12_000):
            if number % 1000 == 0:
                writers[0].line("window", name=f"w{number}", at=NOW + number)
            writers[number % 2].request(TRACES[number % 5], NOW + number, path=f"/{number}")
        return folder

    def test_several_processes_at_once(self, folder: RunFolder) -> None:
        processes = [
            subprocess.Popen([sys.executable, "-c", SYNC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.communicate("go\n")
        assert [process.returncode for process in processes] == [0] * 4
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_late_lines_are_applied_with_the_last_piece(self, folder: RunFolder) -> None:
        """Another process that finds nothing new to read then finds complete requests."""
        writer = Writer(folder, "late")
        for number in range(3):
            request = writer.request(TRACES[1], NOW + number)
            writer.line("amend", id=request, trace=writer.trace(TRACES[3]), status=500)
        answers = []

        def ask_beside(done: int, total: int | None) -> None:
            if done == total:
                with recorded(folder) as found:
                    answers.append(by_id(found.requests.newest()))

        with open_store(store_url(Path(".livecov"), None)) as store:
            store.sync(folder, ask_beside)
        assert answers == [by_id(list(read_run(folder).requests))]

    def test_killed_in_the_middle(self, folder: RunFolder) -> None:
        for _ in range(2):
            killed = subprocess.run([sys.executable, "-c", SYNC, "--kill-after-a-piece"], input="go\n", text=True)
            assert killed.returncode == -signal.SIGKILL
        with open_store(store_url(Path(".livecov"), None)) as store, store.recorded([1]) as found:
            assert 0 < found.requests.count() < 12_000
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_progress_is_reported_in_bytes(self, folder: RunFolder) -> None:
        reported: list[tuple[int, int]] = []
        size = sum(path.stat().st_size for path in folder.journals())
        with open_store(store_url(Path(".livecov"), None)) as store:
            store.sync(folder, lambda done, total: reported.append((done, total)))
            assert {total for _, total in reported} == {size}
            assert [done for done, _ in reported] == sorted({done for done, _ in reported})
            assert reported[-1] == (size, size)
            reported.clear()
            store.sync(folder, lambda done, total: reported.append((done, total)))
            assert reported == []

    def test_runs_share_only_traces(self) -> None:
        folders = [run_folder(name) for name in ("one", "two")]
        for folder, count in zip(folders, (1, 2), strict=True):
            writer = Writer(folder, "aaaaaaaa")
            for number in range(count):
                writer.request(TRACES[1], NOW + number)
        with open_store(store_url(Path(".livecov"), None)) as store:
            runs = [store.sync(folder) for folder in folders]
            for wanted, count in ((runs[:1], 1), (runs[1:], 2), (runs, 3)):
                with store.recorded(wanted) as found:
                    assert found.requests.count() == len(found.requests.newest()) == count
                    assert list(found.lines.traces()) == [TRACES[1].id]

    def test_journal_that_became_shorter_is_named(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], NOW)
        writer.request(TRACES[2], NOW + 1)
        with recorded(folder):
            writer.path.write_bytes(b"".join(writer.path.read_bytes().splitlines(keepends=True)[:3]))
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 2
            assert "the file is shorter than before" in store.warnings[0]

    @pytest.mark.parametrize("left", ["nothing", "whole lines", "half a line"])
    @pytest.mark.parametrize("when", ["windows are looked for", "pieces are put in"])
    def test_journal_that_is_truncated_while_it_is_read(
        self, when: str, left: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is read no further, and the lines that were read are stored."""
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        for number in range(3):
            writer.request(TRACES[number], NOW + number)
            writer.line("window", name=f"w{number}", at=NOW + number)
        data = writer.path.read_bytes()
        last_line = data.rindex(b"\n", 0, -1) + 1
        size = {"nothing": 0, "whole lines": last_line, "half a line": last_line + 30}[left]
        # The first read searches for windows.
        cut_at = 1 if when == "windows are looked for" else 2
        open_for_reading, readings = sync.open_for_reading, []

        def cut_and_open(path: Path) -> AbstractContextManager[BinaryIO]:
            readings.append(path)
            assert len(readings) < 10
            if len(readings) == cut_at:
                os.truncate(path, size)
            return open_for_reading(path)

        monkeypatch.setattr(sync, "open_for_reading", cut_and_open)
        with recorded(folder) as found:
            assert found.requests.count() == (3 if size else 0)

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"half a line", b"garbage\n", b'{"type":"request"}\n', b'{"type":"process","version":99}\n',
            b'{"type":"process","version":1}\n',
        ],
    )  # fmt: skip
    def test_file_that_is_no_journal(self, content: bytes) -> None:
        folder = run_folder()
        (folder.path / "journal-aaaaaaaa.jsonl").write_bytes(content)
        Writer(folder, "bbbbbbbb").request(TRACES[1], NOW)
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 1
            assert len(store.warnings) == (1 if content.endswith(b"\n") else 0)
