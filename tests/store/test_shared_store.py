"""Several data directories use one store: the runs of each are its own, also those with the same name.

Tests ``store.run_keys``.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.queries.run_removal import remove_runs
from flask_livecoverage.store import open_store, schema, store_url

from ..support.journals import Writer, run_folder, trace_of
from ..support.processes import Ask, Invoke
from .runs import NOW, assert_equal


def record(directory: str, requests: int, run: str = "nightly") -> RunFolder:
    writer = Writer(run_folder(run, directory), directory.encode().hex(), pid=2**22 + 1, started_at=NOW)
    app = Path(f"{directory}.py").absolute()
    app.write_text(f"{directory} = 1\n")
    trace = trace_of({str(app): [1]}, content=hash_of(app.read_bytes()))
    for number in range(requests):
        writer.request(trace, NOW + number, test=f"{directory} {number}")
    return writer.folder


@pytest.fixture
def shared(database: str, tmp_path: Path) -> str:
    """The URL of a store that lies in no data directory."""
    return f"sqlite:///{tmp_path}/shared.sqlite3" if database.startswith("sqlite") else database


def check(url: str, folder: RunFolder) -> None:
    with open_store(url) as store, store.recorded([store.sync(folder)]) as found:
        assert_equal(found, read_run(folder))


def count(url: str, table: sa.Table) -> int:
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_runs_with_the_same_name(shared: str) -> None:
    one, two = record("one", 2), record("two", 3)
    for _ in range(2):
        check(shared, one)
        check(shared, two)
    Path("two.py").write_text("edited")
    remove_runs(DataDir("one"), [one], shared)
    assert two.path.exists()
    check(shared, two)
    # They cannot be read from the journals again.
    assert count(shared, schema.contents) == 1


def test_directory_that_is_moved(shared: str) -> None:
    check(shared, record("one", 2))
    Path("one").rename("two")
    moved = run_folder("nightly", "two")
    check(shared, moved)
    assert count(shared, schema.runs) == 1


def test_identity_that_cannot_be_written(shared: str) -> None:
    folder = record("one", 2)
    (folder.path.parent.parent / "directory.id").symlink_to("/dev/null")
    check(shared, folder)
    check(shared, folder)
    assert count(shared, schema.runs) == 1


def test_identity_is_the_same_for_all() -> None:
    record("one", 1)
    record("two", 1)
    first = DataDir("one").identity()
    assert DataDir("one").identity() == first != DataDir("two").identity()
    # Of a process that was killed.
    (Path("one") / "directory.id").write_text("")
    assert DataDir("one").identity() == DataDir("one").identity()


def test_own_store_needs_no_identity() -> None:
    folder = record(".livecov", 1)
    check(store_url(Path(".livecov"), None), folder)
    assert not (Path(".livecov") / "directory.id").exists()


def test_commands(ask: Ask, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIVECOVERAGE_STORE", f"sqlite:///{tmp_path}/shared.sqlite3")
    for directory, requests in (("one", 2), ("two", 3)):
        for run in ("nightly", f"of-{directory}"):
            record(directory, requests, run)
    shown = {name: {run["id"]: run["requests"] for run in ask("runs", "--data-dir", name)} for name in ("one", "two")}
    assert shown == {"one": {"nightly": 2, "of-one": 2}, "two": {"nightly": 3, "of-two": 3}}
    assert ask("prune", "--data-dir", "one", "--keep", "0", "--yes")["runs"] == ["nightly", "of-one"]
    assert {run["id"]: run["requests"] for run in ask("runs", "--data-dir", "two")} == shown["two"]
    assert "nothing is recorded in one" in invoke("runs", "--data-dir", "one").stderr
