"""The branches and commits that a person may want to compare the working tree with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import ConfigurationError
from .git import git, text
from .history import Repository

_BRANCHES, _COMMITS = 20, 20


@dataclass(frozen=True, slots=True)
class Ref:
    """A branch, or the beginning of a commit's id, and the first line of the commit's message."""

    name: str
    subject: str


def recent_refs(repository: Repository) -> Sequence[Ref]:
    """Return the branches that were committed to last, then the last commits of the one that is checked out.

    Before the first commit, there are none.
    """
    try:
        repository.head()
    except ConfigurationError:
        return []
    branches = "for-each-ref", f"--count={_BRANCHES}", "--sort=-committerdate", "refs/heads", "refs/remotes"
    commits = "log", f"--max-count={_COMMITS}", "--no-show-signature"
    found = _lines(git(repository.top, *branches, "--format=%(refname:short)%00%(subject)"))
    found += _lines(git(repository.top, *commits, "--format=%h%x00%s"))
    return [Ref(name, subject) for name, _, subject in (line.partition("\0") for line in found)]


def _lines(output: bytes) -> list[str]:
    # Not splitlines, because a subject may contain the other characters at which that splits.
    return [line for line in text(output).split("\n") if line]
