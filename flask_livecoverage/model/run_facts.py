"""The facts about a run that come from outside of the server: its git commit and the command that it was for."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field


def short_commit(commit: str) -> str:
    """Return the beginning of a commit's id, for people."""
    return commit[:10]


@dataclass(frozen=True, slots=True)
class WorkingTree:
    """The state of a git working tree.

    ``top`` is its folder. ``commit`` is the checked out commit, None before the first one; ``branch`` is None if none
    is checked out. ``dirty`` is whether files under version control differ from the commit. ``changed`` maps the paths
    that differ, those that git does not know and does not ignore, and ``.env`` and ``.flaskenv``, to the hashes of
    their contents (see :func:`~.contents.hash_of`; empty for a path without a file). Paths are relative to ``top``,
    with slashes.
    """

    top: str
    commit: str | None
    branch: str | None
    dirty: bool
    changed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """The command that a run was recorded for, and its exit status; None while it runs, or if it was killed."""

    arguments: tuple[str, ...]
    status: int | None = None

    @property
    def line(self) -> str:
        """The command as one types it in a shell."""
        return shlex.join(self.arguments)


@dataclass(frozen=True, slots=True)
class RunFacts:
    """``tree`` is None if the run has no repository, ``command`` if a server was started without one."""

    tree: WorkingTree | None = None
    command: Command | None = None
