"""The commit with which a change is compared."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError
from flask_livecoverage.repository.bases import Base, find_base
from flask_livecoverage.repository.history import Repository

from ..support.repositories import GitFolder


def base_of(repository: GitFolder, ref: str | None = None) -> Base:
    return find_base(Repository.find(repository.path), ref)


@pytest.fixture
def branched(repository: GitFolder) -> tuple[str, str]:
    """The commit from which the branch that is checked out has left, and the newest one of main."""
    first = repository.git("rev-parse", "HEAD")
    second = repository.commit({"app.py": "main\n"})
    repository.git("checkout", "--quiet", "-b", "feature", first)
    repository.commit({"app.py": "feature\n"})
    return first, second


class TestRef:
    def test_branch_that_has_moved_on(self, repository: GitFolder, branched: tuple[str, str]) -> None:
        assert base_of(repository, "main") == Base(branched[0], "main", branched_off=True)

    def test_ancestor(self, repository: GitFolder, branched: tuple[str, str]) -> None:
        assert base_of(repository, "HEAD~1") == Base(branched[0], "HEAD~1", branched_off=False)

    def test_unknown(self, repository: GitFolder) -> None:
        with pytest.raises(ConfigurationError, match="'none' is no commit, branch or tag"):
            base_of(repository, "none")


class TestDefaultBranch:
    def test_local(self, repository: GitFolder, branched: tuple[str, str]) -> None:
        assert base_of(repository) == Base(branched[0], "main", branched_off=True)

    def test_master(self, repository: GitFolder, branched: tuple[str, str]) -> None:
        repository.git("branch", "--move", "main", "master")
        assert base_of(repository) == Base(branched[0], "master", branched_off=True)

    def test_that_of_the_server(self, repository: GitFolder, tmp_path: Path) -> None:
        """It is used even if there is a local branch with a usual name, which may be old."""
        repository.git("checkout", "--quiet", "-b", "trunk")
        newest = repository.commit({"app.py": "trunk\n"})
        repository.git("clone", "--quiet", repository.path.as_uri(), str(tmp_path / "clone"))
        clone = GitFolder(tmp_path / "clone")
        clone.git("branch", "main", "HEAD~1")
        clone.commit({"app.py": "not pushed\n"})
        assert base_of(clone) == Base(newest, "origin/HEAD", branched_off=False)

    def test_none(self, repository: GitFolder) -> None:
        repository.git("branch", "--move", "main", "work")
        with pytest.raises(ConfigurationError, match=r"has none of the branches .*, main, master: .* --base REF"):
            base_of(repository)


def test_shallow_clone(repository: GitFolder, branched: tuple[str, str], tmp_path: Path) -> None:
    """As the checkouts of continuous integration are, unless more is asked for."""
    shallow = tmp_path / "shallow"
    repository.git("clone", "--quiet", "--depth", "1", "--no-single-branch", repository.path.as_uri(), str(shallow))
    with pytest.raises(ConfigurationError, match=r"no common ancestor in .*: fetch more, with git fetch --unshallow"):
        base_of(GitFolder(shallow), "origin/main")


def test_no_commit(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no commit yet"):
        base_of(GitFolder(tmp_path / "empty"))
