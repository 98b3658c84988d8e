"""A damaged store, or damaged marks: reported in one clear line, and rebuilt without a change of the journals.

Tests ``store.damage`` and ``store.dialect``.
"""

from __future__ import annotations

import gc
import os
import random
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from flask_livecoverage.errors import DataError
from flask_livecoverage.journal.reader import read_run, reading_and_reset, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run
from flask_livecoverage.store import StoreHandle, open_store, store_url
from flask_livecoverage.store.damage import held_in_place
from flask_livecoverage.store.schema import VERSION

from ..support.journals import Writer, trace_of
from .long_run import NOW, REQUESTS, ask, ask_own


def test_damaged_store_is_closed(folder: RunFolder) -> None:
    """No connection stays open that could interfere after the file is removed, as the error advises."""
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
def test_store_damaged_anywhere(folder: RunFolder, thorough: bool) -> None:
    """SQLite does not detect every changed byte. Damage that it detects is one line, and the store can be rebuilt."""
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
        assert "rebuilt from the journals" in message
    assert {journal: journal.read_bytes() for journal in folder.journals()} == journals
    path.unlink()
    assert ask(folder) == whole


def not_a_database(path: Path) -> None:
    path.write_bytes(b"somebody's notes\n" * 1000)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:9000])


def garbled_header(path: Path) -> None:
    path.write_bytes(bytes(100) + path.read_bytes()[100:])


def garbled_pages(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:8192] + b"\xff" * (len(data) - 8192))


def old_version(path: Path) -> None:
    change(path, "UPDATE livecov_meta SET value = '3' WHERE key = 'schema_version'")


def without_a_table(path: Path) -> None:
    change(path, "DROP TABLE livecov_executions")


def without_a_column(path: Path) -> None:
    change(path, "ALTER TABLE livecov_journals DROP COLUMN size")


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe_beside_it(path: Path) -> None:
    os.mkfifo(f"{path}-wal")


def change(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement)


DAMAGES = [
    not_a_database, cut_off, garbled_header, garbled_pages, old_version, without_a_column, a_link, a_pipe,
    a_folder, a_pipe_beside_it,
]  # fmt: skip


class TestRebuilt:
    """The store in the data directory is rebuilt automatically, because the journals are authoritative."""

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_after_any_damage(self, folder: RunFolder, damage: Callable[[Path], None]) -> None:
        path = folder.path.parent.parent / "store.sqlite3"
        whole = ask(folder)
        damage(path)
        before = identity(path)
        warnings: list[str] = []
        assert ask_own(folder, warnings) == whole
        (warning,) = warnings
        assert "rebuilt from the journals" in warning
        assert "\n" not in warning
        (aside,) = [found for found in path.parent.glob("store.sqlite3.broken-*") if "-wal" not in found.name]
        assert aside.name in warning
        # It is the old file.
        assert identity(aside) == before
        assert ask_own(folder, warnings) == whole
        assert len(warnings) == 1

    def test_damage_found_by_a_query(self, folder: RunFolder) -> None:
        """Without new lines, the synchronisation does not reach the damage."""
        path = folder.path.parent.parent / "store.sqlite3"
        whole = ask(folder)
        without_a_table(path)
        warnings: list[str] = []
        with pytest.raises(DataError, match=r"was broken .* is kept as .*: try again; it will be rebuilt"):
            ask_own(folder, warnings)
        assert ask_own(folder, warnings) == whole

    def test_of_a_newer_version_is_refused(self, folder: RunFolder) -> None:
        """Otherwise, two versions would rebuild it alternately."""
        ask(folder)
        path = folder.path.parent.parent / "store.sqlite3"
        change(path, "UPDATE livecov_meta SET value = '999' WHERE key = 'schema_version'")
        with pytest.raises(DataError, match="has version 999"):
            ask_own(folder, [])
        assert list(path.parent.glob("*broken*")) == []

    def test_store_of_the_setting_is_never_moved(self, folder: RunFolder, tmp_path: Path) -> None:
        path = tmp_path / "mine"
        not_a_database(path)
        with pytest.raises(DataError, match="remove it if it is broken"), open_store(f"sqlite:///{path}"):
            pass
        assert [found.name for found in tmp_path.iterdir() if found.is_file()] == ["mine"]

    def test_old_store_of_the_setting_is_described_once(self, tmp_path: Path) -> None:
        url = f"sqlite:///{tmp_path / 'mine'}"
        with open_store(url):
            pass
        old_version(tmp_path / "mine")
        with pytest.raises(DataError) as error, open_store(url):
            pass
        assert str(error.value) == (
            f"the store {url} has version 3, and this package reads {VERSION}: name another one with "
            "LIVECOVERAGE_STORE, or remove it; it will be rebuilt from the journals"
        )

    def test_pipe_at_the_url_of_the_setting_does_not_block(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(DataError, match="not a regular file"), open_store(f"sqlite:///{tmp_path / 'pipe'}"):
            pass

    def test_handle_that_is_open(self, folder: RunFolder) -> None:
        """Another process finds the store broken and rebuilds it: the open handle changes to the new one."""
        whole = ask(folder)
        path = folder.path.parent.parent / "store.sqlite3"
        url = store_url(path.parent, None)
        with closing(StoreHandle(url, is_own=True)) as handle:
            with handle.use() as store:
                store.sync(folder)
                before = store.identity
            not_a_database(path)
            warnings: list[str] = []
            assert ask_own(folder, warnings) == whole
            assert len(warnings) == 1
            with handle.use() as store:
                number = store.sync(folder)
                assert store.warnings == []
                assert store.identity != before
                with store.recorded([number]) as queries:
                    assert len(queries.requests.newest()) == REQUESTS

    def test_several_threads_find_it_at_once(self, folder: RunFolder) -> None:
        """All get the right answer, and one old file is kept."""
        whole = ask(folder)
        path = folder.path.parent.parent / "store.sqlite3"
        not_a_database(path)
        begin = threading.Barrier(4)
        answers: list[Run] = []

        def find() -> None:
            begin.wait(30)
            answers.append(ask_own(folder, []))

        threads = [threading.Thread(target=find) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == [whole] * 4
        assert len(list(path.parent.glob("store.sqlite3.broken-*"))) == 1

    def test_is_not_moved_while_it_is_opened(self, folder: RunFolder) -> None:
        """SQLite opens several files, one after the other. Files of two stores must not be mixed."""
        whole = ask(folder)
        path = folder.path.parent.parent / "store.sqlite3"
        not_a_database(path)
        answers: list[Run] = []
        thread = threading.Thread(target=lambda: answers.append(ask_own(folder, [])))
        with held_in_place(path):
            thread.start()
            # The thread does not signal when it waits. It must not get further, however long this takes.
            thread.join(1)
            assert list(path.parent.glob("store.sqlite3.broken-*")) == []
        thread.join()
        assert answers == [whole]

    def test_answers_come_from_one_store(self, folder: RunFolder) -> None:
        """The number of a run means nothing in another store, so a connection to that one is refused."""
        path = folder.path.parent.parent / "store.sqlite3"
        with open_store(store_url(path.parent, None), is_own=True) as store:
            number = store.sync(folder)
            with store.recorded([number]) as queries:
                for found in path.parent.glob("store.sqlite3*"):
                    found.rename(found.with_name(f"old-{found.name}"))
                ask(folder)
                with pytest.raises(DataError, match="rebuilt meanwhile: try again"), store.recorded([number]):
                    pass
                assert len(queries.requests.newest()) == REQUESTS
            assert store.sync(folder) == number
            assert store.warnings == []

    def test_command_warns_in_one_line(self, folder: RunFolder) -> None:
        path = folder.path.parent.parent / "store.sqlite3"
        ask(folder)
        cut_off(path)
        command = [sys.executable, "-m", "flask", "livecov", "requests", "--data-dir", str(path.parent)]
        ran = subprocess.run(command, capture_output=True, text=True)
        assert ran.returncode == 0
        assert f"/{REQUESTS - 1}" in ran.stdout
        assert [line for line in ran.stderr.splitlines() if line] == [ran.stderr.strip()]
        assert ran.stderr.startswith("Warning: the store ")


def identity(path: Path) -> tuple[int, int]:
    found = path.lstat()
    return found.st_dev, found.st_ino


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
        """The mark before it counts, and so does the next one."""
        reset(folder)
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        with (folder.path / "marks.jsonl").open("ab") as marks:
            marks.write(line)
        assert [request.id for request in read_run(folder, since_mark=True).requests] == ["bbbbbbbb-1"]
        assert [record.getMessage() for record in caplog.records] == [
            f"{folder.path / 'marks.jsonl'}: one reset cannot be read: using the previous one"
        ]
        with reading_and_reset(folder) as run:
            assert len(run.requests) == 1
        assert read_run(folder, since_mark=True).requests == []
        assert len(ask(folder).requests) == REQUESTS + 1

    @pytest.mark.promise
    def test_cut_at_any_byte(self, folder: RunFolder, thorough: bool) -> None:
        """A reset is recorded completely or not at all."""
        reset(folder)
        path = folder.path / "marks.jsonl"
        before = path.stat().st_size
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        reset(folder)
        data = path.read_bytes()
        for cut in {*range(0, len(data), 1 if thorough else 7), before - 2, before - 1, before, before + 1, len(data)}:
            path.write_bytes(data[:cut])
            # A line is complete without its newline too, and the first line is empty.
            expected = 0 if cut >= len(data) - 1 else 1 if cut >= before - 1 else REQUESTS + 1
            assert len(read_run(folder, since_mark=True).requests) == expected, cut
