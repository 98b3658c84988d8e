"""A run that is removed from the store leaves no row of its own, and other runs as they were.

Tests ``store.removal`` and ``queries.run_removal``.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal import retention
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.queries.run_removal import remove_runs
from flask_livecoverage.store import open_store, schema, store_url

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
DATA_DIR = Path(".livecov")

# Shared by all runs.
SHARED = {"meta", "tests", "routes", "files", "traces", "trace_files", "statements", "contents"}


def make(name: str) -> RunFolder:
    writer = Writer(run_folder(name), "1a", pid=2**22 + 1)
    writer.line("sources", files=["/srv/app.py"])
    writer.line("imports", edges=[["/srv/wsgi.py", "/srv/app.py"]])
    writer.line("rules", rules=[["/", "index", ["GET"]]])
    trace, late = trace_of({"/srv/app.py": [1]}), trace_of({"/srv/app.py": [2]})
    writer.line("window", at=NOW, name="window")
    writer.request(trace, NOW, test="a")
    writer.trace(late)
    writer.line("ambient", trace=late.id)
    writer.line("amend", id=f"{writer.token}-99", trace=late.id)
    writer.line("lost", count=3, reason="full")
    append_outcome(writer.folder, Outcome("a", "passed", 1.0, NOW))
    return writer.folder


def rows() -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(DATA_DIR / "store.sqlite3")) as database:
        tables = [name.removeprefix("livecov_") for name in schema.metadata.tables]
        return {name: database.execute(f"SELECT * FROM livecov_{name}").fetchall() for name in tables}


def sync(*folders: RunFolder) -> None:
    with open_store(store_url(DATA_DIR, None), is_own=True) as store:
        for folder in folders:
            store.sync(folder)


def test_rows_of_one_run() -> None:
    first = make("first")
    sync(first)
    alone = rows()
    assert {name for name, found in alone.items() if not found} <= {"contents", "statements"}
    second = make("second")
    sync(second)
    remove_runs(DataDir(DATA_DIR), [second], None)
    assert rows() == alone
    assert not second.path.exists()
    assert first.path.exists()


def test_only_run() -> None:
    folder = make("first")
    sync(folder)
    remove_runs(DataDir(DATA_DIR), [folder], None)
    assert {name for name, found in rows().items() if found} <= SHARED
    assert not [row for row in rows()["meta"] if str(row[0]).startswith("lost")]


def test_run_that_is_not_in_the_store() -> None:
    folder = make("first")
    remove_runs(DataDir(DATA_DIR), [folder], None)
    assert not folder.path.exists()


def test_folder_that_cannot_be_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is read into the store again."""
    folder = make("first")
    sync(folder)
    before = rows()

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(retention.shutil, "rmtree", refuse)
    with pytest.raises(StorageError, match="remove it by hand"):
        remove_runs(DataDir(DATA_DIR), [folder], None)
    sync(folder)
    assert {name: len(found) for name, found in rows().items()} == {name: len(found) for name, found in before.items()}


def test_every_table_is_of_a_run_or_shared() -> None:
    """A new table is added to one of both lists."""
    of_runs = {table.name.removeprefix("livecov_") for table in schema.metadata.tables.values()} - SHARED
    columns = {name: set(sa.inspect(schema.metadata.tables[f"livecov_{name}"]).columns.keys()) for name in of_runs}
    assert all(names & {"run", "period"} or name == "runs" for name, names in columns.items())
