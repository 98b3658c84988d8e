"""A run is removed from the store and the disk, with what no other run uses.

Tests ``store.removal``, ``store.shared_rows``, ``store.identity`` and ``queries.run_removal``.
"""

from __future__ import annotations

from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal import retention
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.queries.run_removal import remove_runs
from flask_livecoverage.store import open_store, schema
from flask_livecoverage.store.ingest import sync as synchronisation

from ..support.journals import Writer, run_folder, trace_of
from ..support.polling import wait_until
from ..support.postgresql import new_database, waits_for_a_lock
from .runs import assert_equal

NOW = 1_700_000_000.0
DATA_DIR = Path(".livecov")

# The number of no process. One that is being recorded would not be removed.
ENDED = 2**22 + 1

# Shared by all runs.
SHARED = {"meta", "tests", "routes", "files", "traces", "trace_files", "statements", "contents"}

# The rows of an empty store: its version and identity, and the test that stands for none.
EMPTY = {"meta": 2, "tests": 1}


def make(name: str, own: str = "") -> RunFolder:
    """Make a run that has a line of each kind. With ``own``, also values that no other run has."""
    writer = Writer(run_folder(name), f"1a{own}", pid=ENDED)
    app = Path("app.py").absolute()
    app.write_text("a = 1\n")
    writer.line("sources", files=[str(app)])
    writer.line("imports", edges=[["/srv/wsgi.py", "/srv/app.py"]])
    writer.line("rules", rules=[["/", "index", ["GET"]]])
    content = hash_of(app.read_bytes())
    trace, late = trace_of({str(app): [1]}, content=content), trace_of({"/srv/app.py": [2]})
    writer.line("window", at=NOW, name="window")
    writer.request(trace, NOW, test="a")
    updated = writer.request(trace, NOW + 1)
    writer.trace(late)
    writer.line("ambient", trace=late.id)
    writer.line("amend", id=updated, trace=late.id)
    writer.line("amend", id=f"{writer.token}-99", trace=late.id)
    writer.line("lost", count=3, reason="full")
    if own:
        mine = Path(f"{own}.py").absolute()
        mine.write_text(f"{own} = 1\n")
        writer.line("sources", files=[str(mine)])
        traces = [trace_of({str(mine): [n]}, content=hash_of(mine.read_bytes())) for n in range(1, 5)]
        first = writer.request(traces[0], NOW + 2, test=own, route=f"/{own}")
        for one in traces[1:3]:
            writer.trace(one)
            writer.line("amend", id=first, trace=one.id)
        # Requests that were stored before the window in which they began, and traces without a request.
        Writer(writer.folder, f"2b{own}", pid=ENDED).line("window", at=NOW + 0.5, name=f"window {own}")
        writer.trace(traces[3])
        writer.line("amend", id=f"{writer.token}-98", trace="f" * 20)
    append_outcome(writer.folder, Outcome("a", "passed", 1.0, NOW))
    return writer.folder


def counts(url: str) -> dict[str, int]:
    """Return the number of rows of all tables that have any."""
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        tables = schema.metadata.tables.values()
        found = {table: connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() for table in tables}
    return {table.name.removeprefix("livecov_"): count for table, count in found.items() if count}


def sync(url: str, *folders: RunFolder) -> None:
    with open_store(url) as store:
        for folder in folders:
            store.sync(folder)


def remove(url: str, *folders: RunFolder) -> None:
    remove_runs(DataDir(DATA_DIR), folders, url)


def assert_right(url: str, folder: RunFolder) -> None:
    with open_store(url) as store, store.recorded([store.sync(folder)]) as found:
        assert_equal(found, read_run(folder))


def test_what_other_runs_use_stays(database: str) -> None:
    first = make("first", "one")
    sync(database, first)
    alone = counts(database)
    # All tables but the analysis of files, which is made when it is asked for.
    assert {table.name.removeprefix("livecov_") for table in schema.metadata.tables.values()} - {*alone} == {
        "statements"
    }
    others = [make("second"), make("third", "three"), make("fourth", "four")]
    sync(database, *others)
    with open_store(database) as store:
        identity = store.identity
    remove(database, *others)
    assert counts(database) == alone
    assert [folder.path.exists() for folder in (first, *others)] == [True, False, False, False]
    assert_right(database, first)
    # Row numbers may be used again.
    with open_store(database) as store:
        assert store.identity != identity


def test_only_run(database: str) -> None:
    folder = make("first", "one")
    sync(database, folder)
    with open_store(database) as store:
        store.save_statements("rules", {hash_of(b"one = 1\n"): "no Python"})
    remove(database, folder)
    assert counts(database) == EMPTY


def test_run_that_is_not_in_the_store(database: str) -> None:
    folder = make("first")
    remove(database, folder)
    assert not folder.path.exists()


def test_contents_of_a_run_that_is_not_read_yet(database: str) -> None:
    """They are kept at the end of a command, before anybody asks for the requests."""
    first, second = make("first", "one"), make("second", "one")
    run = read_run(second)
    sync(database, first)
    with open_store(database) as store:
        store.keep_sources(second, sorted(run.contents()), [])
    for path in Path().glob("*.py"):
        path.write_text("edited")
    remove(database, first)
    assert counts(database)["contents"] == 2
    remove(database, second)
    assert counts(database) == EMPTY


def test_trace_without_a_request_yet(database: str) -> None:
    """A journal holds each trace once, so it must be there when a request has it."""
    first, second = make("first"), make("second")
    trace = trace_of({"/srv/app.py": [5]})
    for folder in (first, second):
        Writer(folder, "3c", pid=ENDED).trace(trace)
    sync(database, first, second)
    remove(database, first)
    Writer(second, "4d", pid=ENDED).request(trace, NOW + 9, traced=False, test="late")
    assert_right(database, second)


def test_while_another_run_is_synchronised(database: str) -> None:
    """Between two of its transactions: what it has looked up may be gone."""
    first, second = make("first", "one"), make("second", "one")
    Writer(second, "3c", pid=ENDED).request(trace_of({"/srv/app.py": [5]}), NOW + 9, test="one", route="/one")
    sync(database, first)
    removed = []

    def remove_first(done: int, total: int) -> None:
        if not removed:
            removed.append(first)
            remove(database, first)

    with open_store(database) as store:
        store.sync(second, remove_first)
    assert removed
    assert_right(database, second)
    remove(database, second)
    assert counts(database) == EMPTY


def test_within_a_transaction(postgresql: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite locks the whole file; other databases must not remove rows that a transaction is about to use."""
    database = new_database(postgresql)
    first, second = make("first", "one"), make("second", "one")
    sync(database, first)
    threads = []
    put = synchronisation.put

    def put_slowly(*arguments: Any) -> int:
        unreadable = put(*arguments)
        if not threads:
            threads.append(Thread(target=remove, args=(database, first)))
            threads[0].start()
            wait_until(lambda: waits_for_a_lock(postgresql), "the removal waits for this transaction")
        return unreadable

    monkeypatch.setattr(synchronisation, "put", put_slowly)
    sync(database, second)
    threads[0].join()
    assert_right(database, second)
    remove(database, second)
    assert counts(database) == EMPTY


def test_folder_that_cannot_be_removed(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run is read into the store again."""
    folder = make("first")
    sync(database, folder)
    before = counts(database)

    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(retention.shutil, "rmtree", refuse)
    with pytest.raises(StorageError, match="remove it by hand"):
        remove(database, folder)
    sync(database, folder)
    assert counts(database) == before


def test_every_table_is_of_a_run_or_shared() -> None:
    """A new table is added to one of both lists."""
    of_runs = {table.name.removeprefix("livecov_") for table in schema.metadata.tables.values()} - SHARED
    columns = {name: set(sa.inspect(schema.metadata.tables[f"livecov_{name}"]).columns.keys()) for name in of_runs}
    assert all(names & {"run", "period"} or name == "runs" for name, names in columns.items())
