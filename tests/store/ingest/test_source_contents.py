"""The contents of files are kept, so that a run can be read after they have changed.

Tests ``store.queries.contents``, ``store.rescue``, ``queries.stored_contents`` and ``model.contents``.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.stored_contents import keep_contents
from flask_livecoverage.store import open_store, store_url

from ...support.journals import Writer, run_folder

OLD, NEW = b"a = 1\n", b"a = 2\n"
DATA_DIR = Path(".livecov")
STORE = DATA_DIR / "store.sqlite3"


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    path = tmp_path / "ran.py"
    path.write_bytes(OLD)
    return path


@pytest.fixture
def idle(tmp_path: Path) -> Path:
    path = tmp_path / "idle.py"
    path.write_bytes(b"b = 1\n")
    return path


@pytest.fixture
def folder(ran: Path, idle: Path) -> RunFolder:
    writer = Writer(run_folder(), "1a")
    writer.line("sources", files=[str(ran), str(idle)])
    writer.request(Trace.of({str(ran): FileLines(hash_of(OLD), to_bitmap([1]))}), 1_700_000_000.0)
    return writer.folder


def loaded(folder: RunFolder) -> tuple[dict[str, bytes], dict[str, str]]:
    with open_store(store_url(DATA_DIR, None), is_own=True) as store, store.recorded([store.sync(folder)]) as queries:
        sources = queries.contents.sources()
        return queries.contents.load([*sources.values(), hash_of(OLD), hash_of(NEW)]), sources


def edit(path: Path, folder: RunFolder) -> None:
    path.write_bytes(NEW)
    # Later than the last write to the journal, however coarse the clock of the file system is.
    later = folder.last_write() + 10
    os.utime(path, (later, later))


def test_hash_is_the_beginning_of_sha256() -> None:
    # From the test vectors of FIPS 180-2, appendix B.1.
    assert hash_of(b"abc") == "ba7816bf8f01cfea"


def test_kept_when_synchronised(folder: RunFolder, ran: Path, idle: Path) -> None:
    kept = loaded(folder)
    assert kept == (
        {hash_of(OLD): OLD, hash_of(b"b = 1\n"): b"b = 1\n"},
        {str(ran): hash_of(OLD), str(idle): hash_of(b"b = 1\n")},
    )
    edit(ran, folder)
    edit(idle, folder)
    assert loaded(folder) == kept


def test_kept_without_the_requests(folder: RunFolder, ran: Path, idle: Path) -> None:
    keep_contents(DataDir(DATA_DIR), [read_run(folder)], None)
    with closing(sqlite3.connect(STORE)) as database:
        assert database.execute("SELECT count(*) FROM livecov_requests").fetchone() == (0,)
    edit(ran, folder)
    edit(idle, folder)
    contents, sources = loaded(folder)
    assert contents.keys() == {hash_of(OLD), hash_of(b"b = 1\n")}
    assert sources == {str(ran): hash_of(OLD), str(idle): hash_of(b"b = 1\n")}


def test_edited_before(folder: RunFolder, ran: Path, idle: Path) -> None:
    """The hash of a file that ran is recorded; that of another one is not known."""
    edit(ran, folder)
    edit(idle, folder)
    assert loaded(folder) == ({}, {str(ran): hash_of(OLD), str(idle): ""})


def test_removed_before(folder: RunFolder, ran: Path, idle: Path) -> None:
    ran.unlink()
    idle.unlink()
    assert loaded(folder) == ({}, {str(ran): hash_of(OLD), str(idle): ""})


def test_two_contents_in_one_run(folder: RunFolder, ran: Path) -> None:
    """As under Flask's reloader: the process that was started after the edit records the new content."""
    loaded(folder)
    edit(ran, folder)
    writer = Writer(folder, "2b")
    writer.request(Trace.of({str(ran): FileLines(hash_of(NEW), to_bitmap([1]))}), 1_700_000_001.0)
    contents, _ = loaded(folder)
    assert contents.items() >= {hash_of(OLD): OLD, hash_of(NEW): NEW}.items()


def test_damaged_content_counts_as_missing(folder: RunFolder, ran: Path) -> None:
    loaded(folder)
    with closing(sqlite3.connect(STORE)) as database, database:
        database.execute("UPDATE livecov_contents SET data = x'00' WHERE hash = ?", (hash_of(OLD),))
    assert hash_of(OLD) not in loaded(folder)[0]


class TestRescue:
    """Contents are in no journal, so they are copied from a store that is moved aside."""

    def test_broken_store(self, folder: RunFolder, ran: Path, idle: Path) -> None:
        kept = loaded(folder)
        edit(ran, folder)
        edit(idle, folder)
        with closing(sqlite3.connect(STORE)) as database, database:
            database.execute("DROP TABLE livecov_journals")
            database.execute("INSERT INTO livecov_contents VALUES ('0123456789abcdef', x'00')")
        assert loaded(folder) == kept
        assert list(DATA_DIR.glob("store.sqlite3.broken-*"))

    def test_store_of_an_older_version(self, folder: RunFolder, ran: Path) -> None:
        with closing(sqlite3.connect(STORE)) as database, database:
            database.execute("CREATE TABLE livecov_meta (key TEXT PRIMARY KEY, value TEXT)")
            database.execute("INSERT INTO livecov_meta VALUES ('schema_version', '5')")
        assert loaded(folder)[0][hash_of(OLD)] == OLD

    def test_file_that_is_no_database(self, folder: RunFolder) -> None:
        (DATA_DIR / "store.sqlite3.broken-0").write_bytes(b"nothing" * 1000)
        assert loaded(folder)[0][hash_of(OLD)] == OLD
