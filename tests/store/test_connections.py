"""The database: its version, its URL, other tables beside it, and concurrent creation.

Tests ``store.connections``, ``store.schema`` and ``store.store``.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store import open_store, schema

from ..support.journals import Writer, remove_store, run_folder
from .runs import NOW, TRACES, synced


class TestDatabase:
    def folder(self) -> RunFolder:
        folder = run_folder()
        Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
        return folder

    @pytest.mark.parametrize("version", ["99", "", "\u0665", "9" * 5000])
    def test_another_version_is_refused(self, version: str) -> None:
        folder = self.folder()
        with synced(folder):
            pass
        engine = sa.create_engine("sqlite:///.livecov/store.sqlite3")
        with engine.begin() as connection:
            connection.execute(sa.update(schema.meta).filter_by(key="schema_version").values(value=version))
        engine.dispose()
        message = rf"has version {version}, and this package reads \d+: .*rebuilt"
        with pytest.raises(DataError, match=message), synced(folder):
            pass

    def test_identity_differs_between_files(self) -> None:
        url = "sqlite:///store.sqlite3"
        with open_store(url) as first, open_store(url) as again:
            assert again.identity == first.identity
        remove_store(".")
        with open_store(url) as other:
            assert other.identity != first.identity

    def test_file_that_is_not_a_database_is_refused_and_kept(self) -> None:
        folder = self.folder()
        store = Path(".livecov/store.sqlite3")
        store.write_bytes(b"no database\n" * 1000)
        with (
            pytest.raises(DataError, match=r"store\.sqlite3 cannot be used \(file is not a database\)"),
            synced(folder),
        ):
            pass
        assert store.read_bytes() == b"no database\n" * 1000

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("nonsense://", "use an SQLAlchemy URL"),
            ("sqlite", "use an SQLAlchemy URL"),
            ("mysql://user:secret@host/db", r"a URL of sqlite or postgresql|not installed"),
            ("postgresql+nodriver://user:secret@host/db", "use an SQLAlchemy URL"),
        ],
    )
    def test_invalid_url(self, url: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message) as raised, open_store(url):
            pass
        assert "secret" not in str(raised.value)

    def test_other_tables_in_the_database(self) -> None:
        engine = sa.create_engine("sqlite:///theirs.sqlite3")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE requests (mine)")
            connection.exec_driver_sql("INSERT INTO requests VALUES (1)")
        folder = self.folder()
        with open_store("sqlite:///theirs.sqlite3") as store, store.recorded([store.sync(folder)]) as found:
            assert found.requests.count() == 1
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT * FROM requests").all() == [(1,)]
        engine.dispose()

    def test_tables_compile_for_postgresql(self) -> None:
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.schema import CreateIndex, CreateTable

        for table in schema.metadata.sorted_tables:
            created = str(CreateTable(table).compile(dialect=postgresql.dialect()))
            assert "ROWID" not in created
            for index in table.indexes:
                assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


def test_concurrent_creation(tmp_path: Path) -> None:
    """SQLite refuses some connections that open a new file at once, whatever their timeout."""
    for number in range(10):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite3'}"
        begin = threading.Barrier(8)

        def identity(url: str = url, begin: threading.Barrier = begin) -> str:
            begin.wait()
            with open_store(url) as store:
                return store.identity

        with ThreadPoolExecutor(8) as pool:
            assert len({made.result() for made in [pool.submit(identity) for _ in range(8)]}) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///file:store.sqlite3?vfs=unix-none&uri=true"])
def test_databases_without_a_wal(url: str) -> None:
    """In memory, and on a file system without shared memory, which SQLite's ``unix-none`` simulates."""
    folder = run_folder()
    Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
    with open_store(url) as store, store.recorded([store.sync(folder)]) as found:
        assert found.requests.count() == 1
