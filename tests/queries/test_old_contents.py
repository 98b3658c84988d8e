"""The contents that files had when they were recorded: from the store, from disk, from git."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.queries.old_contents import committed_content, read_contents
from flask_livecoverage.repository.history import Repository
from flask_livecoverage.store import open_store, store_url

from ..support.journals import Writer, run_folder, trace_of
from ..support.repositories import GitFolder


@pytest.fixture
def repository(tmp_path: Path) -> GitFolder:
    code = GitFolder(tmp_path / "code")
    for content in ("one", "two", "three"):
        code.commit({"a b.py": content})
    return code


def read(*paths: tuple[bytes, Path]) -> set[bytes]:
    folder = Writer(run_folder(), "1a").folder
    Writer(folder, "2b").request(trace_of({"/srv/app.py": [1]}), 1_700_000_000.0)
    with open_store(store_url(Path(".livecov"), None)) as store, store.recorded([store.sync(folder)]) as queries:
        found = read_contents(queries, {hash_of(content): str(path) for content, path in paths})
    assert all(hash_of(content) == key for key, content in found.items())
    return set(found.values())


def test_wherever_it_is(repository: GitFolder, tmp_path: Path) -> None:
    path, other = repository.path / "a b.py", tmp_path / "other.py"
    other.write_bytes(b"other")
    assert read((b"one", path), (b"three", path), (b"four", path), (b"other", other)) == {b"one", b"three", b"other"}


def test_file_and_folder_are_gone(repository: GitFolder) -> None:
    path = repository.path / "deep" / "er" / "c.py"
    repository.commit({"deep/er/c.py": "deep"})
    path.unlink()
    path.parent.rmdir()
    assert read((b"deep", path)) == {b"deep"}


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert read((b"x", tmp_path / "none" / "a.py"), (b"y", Path("/none/a.py"))) == set()


def test_outside_of_this_repository(repository: GitFolder, tmp_path: Path) -> None:
    found = Repository.find(repository.path)
    assert committed_content(found, str(tmp_path / "a b.py"), hash_of(b"one")) is None
    assert committed_content(found, str(repository.path / "a b.py"), hash_of(b"two")) == b"two"
