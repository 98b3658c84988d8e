"""The files as they are now, or as a diff has them, compared with those of a run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..analysis.hunks import with_hunks, without_hunks
from ..model.changes import FileChange
from ..model.contents import hash_of
from ..repository.history import Change, Repository
from ..repository.working_tree import content_of, is_repository, without_mode
from ..sources.content import read_source
from .old_contents import committed_content
from .patch import LocatedDiff
from .run_records import RunRecord


@dataclass(frozen=True)
class Sides:
    """The recorded and the present content of a file; None if unknown (``old``), or if there is none (``new``).

    ``moved`` is the present path of a file that was renamed.
    """

    old: bytes | None
    new: bytes | None
    moved: str | None = None


@dataclass(frozen=True)
class ChangedPath:
    """A path that has changed since a run: absolute.

    ``exists`` is false if the file is gone, ``is_new`` is true if it did not exist. ``is_submodule`` is true for other
    repositories within this one.
    """

    path: str
    exists: bool
    is_new: bool = False
    is_submodule: bool = False
    has_other_mode: bool = False


class PresentFiles(Protocol):
    """The files with which runs are compared."""

    def sides(self, record: RunRecord, path: str) -> Sides:
        """The two contents of a file that was measured in a run."""

    def changed(self, record: RunRecord) -> list[ChangedPath]:
        """All paths that have changed since a run, as far as that is known."""

    def read(self, path: str) -> bytes | None:
        """The present content of a file; None if there is none."""


class WorkingTree:
    """The files on disk.

    :param repository: the git repository; without one, only files that were measured are compared.
    """

    def __init__(self, repository: Repository | None, data_dir: str = "") -> None:
        self._repository = repository
        self._data_dir = os.path.join(os.path.realpath(data_dir), "") if data_dir else ""
        self._changes: dict[str, list[Change]] = {}
        self._contents: dict[str, bytes | None] = {}

    def sides(self, record: RunRecord, path: str) -> Sides:
        """The two contents of a file that was measured in a run."""
        new = self.read(path)
        if new is not None and record.files[path] == hash_of(new):
            return Sides(new, new)
        old = recorded_content(record, path, self._repository)
        moved = self._renamed(record).get(path) if new is None else None
        return Sides(old, self.read(moved) if moved else new, moved)

    def read(self, path: str) -> bytes | None:
        """The present content of a file; None if there is none."""
        if path not in self._contents:
            self._contents[path] = read_file(path)
        return self._contents[path]

    def changed(self, record: RunRecord) -> list[ChangedPath]:
        """The paths that git reports, but for those that were as they are now when the run began."""
        if self._repository is None or record.tree is None or record.tree.commit is None:
            return []
        found = {path.path: path for path in self._changed_since(record.tree.commit)}
        for name, content in record.tree.changed.items():
            # A repository within this one ends with a slash.
            path = os.path.join(str(self._repository.top), name.removesuffix("/"))
            now = content_of(Path(path))
            if now == content:
                found.pop(path, None)
            elif path not in found:
                has_other_mode = without_mode(now) == without_mode(content)
                found[path] = ChangedPath(path, os.path.lexists(path), False, is_repository(Path(path)), has_other_mode)
        return [one for _, one in sorted(found.items()) if not self._is_own(one.path)]

    def _changed_since(self, commit: str) -> Iterator[ChangedPath]:
        for change in self._git_changes(commit):
            if change.path is not None:
                is_new = change.old_path != change.path
                path = self._absolute(change.path)
                yield ChangedPath(path, True, is_new, change.is_submodule, change.has_other_mode)
            if change.old_path is not None and change.old_path != change.path:
                yield ChangedPath(self._absolute(change.old_path), False, is_submodule=change.is_submodule)

    def _git_changes(self, commit: str) -> list[Change]:
        if self._repository is None:
            return []
        if commit not in self._changes:
            self._changes[commit] = self._repository.changes(commit) if self._repository.has(commit) else []
        return self._changes[commit]

    def _renamed(self, record: RunRecord) -> Mapping[str, str]:
        if record.tree is None or record.tree.commit is None:
            return {}
        return {
            self._absolute(change.old_path): self._absolute(change.path)
            for change in self._git_changes(record.tree.commit)
            if change.old_path and change.path and change.old_path != change.path
        }

    def _absolute(self, name: str) -> str:
        assert self._repository is not None
        return os.path.join(str(self._repository.top), name)

    def _is_own(self, path: str) -> bool:
        return bool(self._data_dir) and os.path.realpath(path).startswith(self._data_dir)


class PatchedFiles:
    """The files of a diff, before and after it; all others count as unchanged, as they were recorded.

    The diff may have been applied to the files on disk, or not. The ``repository``, if there is one, may have contents
    that were recorded.
    """

    def __init__(self, diff: LocatedDiff, repository: Repository | None = None) -> None:
        self._repository = repository
        self._changes: dict[str, FileChange] = {}
        self._moved: dict[str, str] = {}
        for path, change in diff.all_items():
            self._changes[path] = change
            former = diff.former(change)
            if former is not None:
                self._changes[former] = change
                self._moved[former] = path

    def sides(self, record: RunRecord, path: str) -> Sides:
        """The recorded content of a file, and that side of the diff which is another one."""
        old = recorded_content(record, path, self._repository)
        if path not in self._changes:
            # What is on disk may be another content, with other lines: then the file counts as changed.
            return Sides(old, read_file(path) if old is None else old)
        before, after, known = self._both(path)
        if not known:
            return Sides(None, read_file(self._moved.get(path, path)), self._moved.get(path))
        content = record.files[path]
        if old is None:
            # One side of the diff may be what was recorded.
            old = next((side for side in (before, after) if side is not None and hash_of(side) == content), None)
        return Sides(old, before if old is not None and old == after else after, self._moved.get(path))

    def changed(self, record: RunRecord) -> list[ChangedPath]:
        """The paths in the diff."""
        return [self._changed(path, change) for path, change in sorted(self._changes.items())]

    def read(self, path: str) -> bytes | None:
        """The content of a file after the diff, or on disk."""
        if path in self._changes:
            _, after, known = self._both(path)
            if known:
                return after
        return read_file(path)

    def _changed(self, path: str, change: FileChange) -> ChangedPath:
        is_gone = change.status == "deleted" or path in self._moved
        is_new = change.status in ("added", "copied", "renamed") and not is_gone
        return ChangedPath(path, not is_gone, is_new, change.kind == "submodule", change.has_other_mode)

    def _both(self, path: str) -> tuple[bytes | None, bytes | None, bool]:
        """The contents before and after the diff, and whether they are known."""
        change = self._changes[path]
        if change.kind != "text":
            return None, None, False
        if change.status == "added":
            return None, with_hunks(b"", change), True
        if change.status == "deleted":
            return without_hunks(b"", change), None, True
        for candidate in (self._moved.get(path, path), path):
            content = read_file(candidate)
            if content is None:
                continue
            before = without_hunks(content, change)
            if before is not None:
                return before, content, True
            after = with_hunks(content, change)
            if after is not None:
                return content, after, True
        return None, None, False


def recorded_content(record: RunRecord, path: str, repository: Repository | None) -> bytes | None:
    """The content of a file when a run was recorded: from the store, the disk, or git; None if it is nowhere."""
    content = record.files[path]
    kept = record.content(path)
    if kept is not None or not content:
        return kept
    present = read_file(path)
    if present is not None and hash_of(present) == content:
        return present
    if repository is None:
        return None
    commit, name = record.tree and record.tree.commit, repository.name_of(path)
    committed = repository.content(commit, name) if commit and name else None
    if committed is not None and hash_of(committed) == content:
        return committed
    return committed_content(repository, path, content)


def read_file(path: str) -> bytes | None:
    """Return the content of a file, which may be in an archive; None if it cannot be read."""
    with suppress(OSError):
        return read_source(path)
    return None
