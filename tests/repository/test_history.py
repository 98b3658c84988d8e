"""Commits, and the changes since one: compared with what was written, and with git's own answers.

Tests ``repository.history`` and ``repository.git``.
"""

from __future__ import annotations

import os
import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.repository.git import GitError, git
from flask_livecoverage.repository.history import Change, Repository

from ..support.repositories import GitFolder

NONE = "0" * 40


def changes(repository: GitFolder, commit: str | None = None) -> set[Change]:
    found = Repository.find(repository.path)
    return set(found.changes(commit or found.head()))


class TestRepository:
    def test_is_found_from_within(self, repository: GitFolder) -> None:
        (repository.path / "deep" / "er").mkdir(parents=True)
        assert Repository.find(repository.path / "deep" / "er").top == repository.path

    def test_none(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"is in no git repository: run this in .* or give .* --diff FILE"):
            Repository.find(tmp_path)

    def test_git_is_missing(self, repository: GitFolder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        with pytest.raises(ConfigurationError, match="git is not installed"):
            Repository.find(repository.path)

    def test_folder_is_missing(self, tmp_path: Path) -> None:
        with pytest.raises(GitError, match="is no folder"):
            git(tmp_path / "none", "status")

    def test_error_is_gits_own_line(self, repository: GitFolder) -> None:
        with pytest.raises(GitError) as caught:
            git(repository.path, "cat-file", "blob", "HEAD:none")
        assert re.fullmatch("[^\n]*none[^\n]*", str(caught.value))
        assert not str(caught.value).startswith("fatal")

    def test_commits(self, repository: GitFolder) -> None:
        first = repository.git("rev-parse", "HEAD")
        second = repository.commit({"app.py": "changed\n"})
        repository.git("tag", "v1", first)
        repository.git("checkout", "--quiet", "-b", "other", first)
        third = repository.commit({"new.py": ""})
        found = Repository.find(repository.path)
        assert (found.head(), found.resolve("main"), found.resolve("v1"), found.resolve("HEAD~1")) == (
            third, second, first, first,
        )  # fmt: skip
        assert found.is_ancestor(first, second)
        assert found.is_ancestor(first, first)
        assert not found.is_ancestor(second, first)
        assert not found.is_ancestor(second, third)
        assert not found.is_ancestor(NONE, third)
        assert found.merge_base(second, third) == first
        assert found.has(first)
        assert not found.has(NONE)

    @pytest.mark.parametrize("ref", ["none", "", "--all", "-x", "HEAD^{tree}", "HEAD:app.py", "a b", NONE])
    def test_unknown_ref(self, repository: GitFolder, ref: str) -> None:
        with pytest.raises(ConfigurationError, match="is no commit, branch or tag in") as caught:
            Repository.find(repository.path).resolve(ref)
        assert repr(ref) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_before_the_first_commit(self, tmp_path: Path) -> None:
        empty = GitFolder(tmp_path / "empty")
        with pytest.raises(ConfigurationError, match="no commit yet"):
            Repository.find(empty.path).head()

    def test_shallow_clone(self, repository: GitFolder, tmp_path: Path) -> None:
        first = repository.git("rev-parse", "HEAD")
        repository.commit({"app.py": "changed\n"})
        repository.git("clone", "--quiet", "--depth", "1", repository.path.as_uri(), str(tmp_path / "shallow"))
        shallow = Repository.find(tmp_path / "shallow")
        assert shallow.is_shallow
        assert not shallow.has(first)
        with pytest.raises(ConfigurationError, match="shallow clone: fetch more"):
            shallow.resolve(first)

    def test_unrelated_commits(self, repository: GitFolder) -> None:
        repository.git("checkout", "--quiet", "--orphan", "other")
        other = repository.commit({}, "unrelated")
        with pytest.raises(ConfigurationError, match="no common ancestor"):
            Repository.find(repository.path).merge_base("main", other)

    def test_content(self, repository: GitFolder) -> None:
        found = Repository.find(repository.path)
        repository.write({"app.py": "changed\n"})
        assert found.content(found.head(), "app.py") == b"a\nb\nc\nd\ne\nf\n"
        assert found.content(found.head(), "none") is None
        assert found.content(NONE, "app.py") is None

    def test_versions(self, repository: GitFolder) -> None:
        texts = ["a\nb\nc\nd\ne\nf\n", "2\n", "", "4\n"]
        for content in texts[1:]:
            repository.commit({"app.py": content})
        repository.git("checkout", "--quiet", "-b", "other", "HEAD~1")
        repository.commit({"app.py": "5\n"})
        repository.commit({"app.py": None})
        found = Repository.find(repository.path)
        assert set(found.versions("app.py")) == {text.encode() for text in (*texts, "5\n")}
        # A commit has the content before it and the one after it.
        assert len(list(found.versions("app.py", limit=1))) == 2
        assert list(found.versions("none")) == []
        assert list(found.versions("*.py")) == []

    def test_versions_before_the_first_commit(self, tmp_path: Path) -> None:
        assert list(Repository.find(GitFolder(tmp_path / "empty").path).versions("app.py")) == []

    def test_name_of_a_path(self, repository: GitFolder, tmp_path: Path) -> None:
        found = Repository.find(repository.path)
        assert found.name_of(str(repository.path / "a" / "b.py")) == "a/b.py"
        assert found.name_of(str(tmp_path / "b.py")) is None


class TestChanges:
    def test_each_kind(self, repository: GitFolder) -> None:
        repository.write({"app.py": "a\nb\nc\nd\ne\ng\n", "old.py": None, "ü new.py": "n\n", ".gitignore": "*.log\n"})
        repository.write({"x.log": "ignored\n"})
        assert changes(repository) == {
            Change("app.py", "app.py"), Change("old.py", None), Change(None, "ü new.py"), Change(None, ".gitignore"),
        }  # fmt: skip

    def test_nothing(self, repository: GitFolder) -> None:
        assert changes(repository) == set()
        assert Repository.find(repository.path).diff("HEAD") == b""

    @pytest.mark.parametrize("staged", [False, True])
    def test_renamed_file(self, repository: GitFolder, staged: bool) -> None:
        """It is followed although the new path is new to git."""
        os.rename(repository.path / "app.py", repository.path / "moved.py")
        if staged:
            repository.git("add", "--all")
        assert changes(repository) == {Change("app.py", "moved.py")}

    def test_since_an_earlier_commit(self, repository: GitFolder) -> None:
        first = repository.git("rev-parse", "HEAD")
        repository.commit({"old.py": "2\n"})
        repository.write({"app.py": "changed\n"})
        assert changes(repository, first) == {Change("old.py", "old.py"), Change("app.py", "app.py")}
        assert changes(repository) == {Change("app.py", "app.py")}

    def test_submodule(self, repository: GitFolder, tmp_path: Path) -> None:
        other = GitFolder(tmp_path / "library")
        other.commit({"lib.py": "1\n"})
        repository.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.path), "lib")
        repository.commit({})
        GitFolder(repository.path / "lib").commit({"lib.py": "2\n"})
        assert changes(repository) == {Change("lib", "lib", is_submodule=True)}

    def test_repository_within_the_repository(self, repository: GitFolder) -> None:
        GitFolder(repository.path / "inner").commit({"lib.py": "1\n"})
        assert changes(repository) == {Change(None, "inner", is_submodule=True)}
        repository.write({".gitignore": "inner\n"})
        assert changes(repository) == {Change(None, ".gitignore")}

    def test_modes(self, repository: GitFolder) -> None:
        (repository.path / "app.py").chmod(0o755)
        (repository.path / "old.py").unlink()
        (repository.path / "old.py").symlink_to("app.py")
        assert changes(repository) == {
            Change("app.py", "app.py", has_other_mode=True), Change("old.py", "old.py", has_other_mode=True),
        }  # fmt: skip

    def test_users_configuration_changes_nothing(self, repository: GitFolder) -> None:
        for key, value in {
            "diff.noprefix": "true", "diff.renames": "false", "color.ui": "always", "diff.context": "9",
            "diff.external": "false", "diff.relative": "true",
        }.items():  # fmt: skip
            repository.git("config", key, value)
        os.rename(repository.path / "app.py", repository.path / "moved.py")
        repository.write({"old.py": "2\n"})
        found = Repository.find(repository.path)
        assert changes(repository) == {Change("app.py", "moved.py"), Change("old.py", "old.py")}
        assert b"--- a/old.py\n+++ b/old.py\n@@ -1 +1 @@\n-1\n+2\n" in found.diff("HEAD")
        assert b"\x1b" not in found.diff("HEAD")

    def test_repository_stays_as_it_is(self, repository: GitFolder) -> None:
        repository.write({"app.py": "changed\n", "new.py": "n\n", "old.py": None})
        before = repository.objects()
        found = Repository.find(repository.path)
        found.changes("HEAD")
        found.diff("HEAD")
        assert repository.objects() == before

    @settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        files=st.dictionaries(
            st.text(string.ascii_letters + " äß'\"*?[]\\#:-", min_size=1, max_size=8).map("f{}.py".format),
            st.sampled_from(["x\n", "y\n", None]),
            max_size=5,
        )
    )
    def test_any_paths(self, repository: GitFolder, files: dict[str, str | None]) -> None:
        """Compared with the names and contents that were written."""
        repository.git("checkout", "--quiet", "--force", "HEAD")
        repository.git("clean", "--quiet", "--force", "-d")
        base = repository.commit({name: "x\n" for name, content in files.items() if content != "y\n"})
        repository.write(files)
        expected = {
            Change(name if content is None else None, None if content is None else name)
            for name, content in files.items()
            if content != "x\n"
        }
        found = Repository.find(repository.path)
        # Copies of one content may count as renames of each other.
        assert {path for change in found.changes(base) for path in (change.old_path, change.path) if path} == {
            path for change in expected for path in (change.old_path, change.path) if path
        }
