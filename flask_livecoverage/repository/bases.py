"""The commit with which a change is compared."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ConfigurationError
from .history import Repository

# The default branch: of the server if that is known, else by its usual names.
_DEFAULT_BRANCHES = ("origin/HEAD", "origin/main", "origin/master", "main", "master")


@dataclass(frozen=True, slots=True)
class Base:
    """A commit, and the branch, tag or commit whose ancestor it is.

    ``branched_off`` is whether ``ref`` itself has further commits, which do not count.
    """

    commit: str
    ref: str
    branched_off: bool


def find_base(repository: Repository, ref: str | None = None) -> Base:
    """The newest common ancestor of ``ref`` and what is checked out, so that changes on ``ref`` since do not count.

    Without ``ref``: of the default branch. Raises ConfigurationError if there is no such branch or ancestor.
    """
    head = repository.head()
    if ref is not None:
        return _common(repository, ref, repository.resolve(ref), head)
    for branch in _DEFAULT_BRANCHES:
        try:
            commit = repository.resolve(branch)
        except ConfigurationError:
            continue
        return _common(repository, branch, commit, head)
    raise ConfigurationError(
        f"{repository.top} has none of the branches {', '.join(_DEFAULT_BRANCHES)}: name the one to compare with, by "
        "--base REF"
    )


def _common(repository: Repository, ref: str, commit: str, head: str) -> Base:
    base = repository.merge_base(commit, head)
    return Base(base, ref, base != commit)
