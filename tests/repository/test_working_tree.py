"""The state of the working tree, as it is noted when a run begins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.repository import working_tree as working_tree_module
from flask_livecoverage.repository.working_tree import content_of, working_tree

from ..support.repositories import GitFolder

SETTINGS = {".env": "", ".flaskenv": ""}


def test_clean(repository: GitFolder) -> None:
    found = working_tree(repository.path)
    assert found is not None
    assert (found.top, found.commit) == (str(repository.path), repository.git("rev-parse", "HEAD"))
    assert (found.branch, found.dirty, found.changed) == ("main", False, SETTINGS)


def test_changed_files(repository: GitFolder) -> None:
    repository.write({"app.py": "changed\n", "old.py": None, "ü new.py": "n\n"})
    found = working_tree(repository.path)
    assert found is not None
    assert found.dirty
    assert found.changed == {**SETTINGS, "app.py": hash_of(b"changed\n"), "old.py": "", "ü new.py": hash_of(b"n\n")}


def test_files_new_to_git_alone_do_not_make_it_dirty(repository: GitFolder) -> None:
    repository.write({"deep/new.py": "n\n"})
    found = working_tree(repository.path)
    assert found is not None
    assert (found.dirty, list(found.changed)) == (False, [*SETTINGS, "deep/new.py"])


def test_renamed_and_unmerged_files(repository: GitFolder) -> None:
    repository.git("checkout", "--quiet", "-b", "other")
    repository.commit({"app.py": "theirs\n"})
    repository.git("checkout", "--quiet", "main")
    repository.commit({"app.py": "ours\n"})
    with pytest.raises(Exception, match="non-zero exit status 1"):
        repository.git("merge", "other")
    repository.git("mv", "old.py", "renamed.py")
    found = working_tree(repository.path)
    assert found is not None
    assert found.changed.keys() == {"app.py", "old.py", "renamed.py", *SETTINGS}
    assert found.changed["old.py"] == ""


def test_no_branch(repository: GitFolder) -> None:
    repository.git("checkout", "--quiet", "--detach")
    found = working_tree(repository.path)
    assert found is not None
    assert (found.branch, found.commit) == (None, repository.git("rev-parse", "HEAD"))


def test_before_the_first_commit(tmp_path: Path) -> None:
    found = working_tree(GitFolder(tmp_path / "empty").path)
    assert found is not None
    assert (found.branch, found.commit) == ("main", None)


def test_settings_that_git_ignores(repository: GitFolder) -> None:
    repository.commit({".gitignore": ".env\n.flaskenv\n"})
    repository.write({".env": "KEY=1\n", "site/.flaskenv": "DEBUG=1\n", "other/.env": ""})
    found = working_tree(repository.path / "site")
    assert found is not None
    assert found.changed == {
        **SETTINGS,
        ".env": hash_of(b"KEY=1\n"),
        "site/.env": "",
        "site/.flaskenv": hash_of(b"DEBUG=1\n"),
    }


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert working_tree(tmp_path) is None


def test_git_is_missing(repository: GitFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert working_tree(repository.path) is None


def test_nothing_is_changed(repository: GitFolder) -> None:
    """Not even the times in the index, which git refreshes otherwise."""
    os.utime(repository.path / "app.py", (1, 1))
    before = repository.objects()
    assert working_tree(repository.path) is not None
    assert repository.objects() == before


def test_contents(tmp_path: Path) -> None:
    file, link = tmp_path / "file", tmp_path / "link"
    file.write_bytes(b"x")
    link.symlink_to("file")
    large = tmp_path / "large"
    with large.open("wb") as opened:
        opened.truncate(9 << 20)
    assert content_of(file) == hash_of(b"x")
    assert content_of(link) == hash_of(b"file")
    assert content_of(tmp_path / "none") == ""
    assert content_of(large).startswith(f"{9 << 20}-")
    before = content_of(large)
    os.utime(large, (1, 1))
    assert content_of(large) != before


def test_many_files_are_not_read(repository: GitFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(working_tree_module, "MAX_FILES", 2)
    repository.write({f"new-{number}": "x" for number in range(4)})
    found = working_tree(repository.path)
    assert found is not None
    contents = [found.changed[f"new-{number}"] for number in range(4)]
    assert contents[:2] == [hash_of(b"x")] * 2
    assert all(content.startswith("1-") for content in contents[2:])
