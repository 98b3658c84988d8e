"""The state of the working tree: the commit, the branch, and the files that differ from the commit."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

from ..model.contents import hash_of
from ..model.run_facts import WorkingTree
from .git import GitError, git, is_in_repository, text

# Files with settings, which git mostly ignores. They are compared although it does not report them.
_SETTINGS = (".env", ".flaskenv")

# Follows the hash of an executable file.
_EXECUTABLE = "+x"
# With options for what a user's configuration may hide.
_STATUS = (
    "status", "--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=none",
)  # fmt: skip

# A larger file is compared by its size and time. These files are data, not code.
_MAX_HASHED = 8 << 20
# So many files that git does not know are no code, either. To be compared by their times, later they count as changed.
MAX_FILES = 2000

# A folder, and the arguments for git there.
Question = tuple[Path, tuple[str, ...]]


def working_tree(folder: Path) -> WorkingTree | None:
    """Return the state of the working tree that contains ``folder``; None if there is none, or git cannot answer."""
    questions = tree_questions(folder)
    try:
        where, arguments = next(questions)
        while True:
            try:
                answer = git(where, *arguments)
            except GitError as error:
                where, arguments = questions.throw(error)
            else:
                where, arguments = questions.send(answer)
    except StopIteration as end:
        found: WorkingTree | None = end.value
        return found


def tree_questions(folder: Path) -> Generator[Question, bytes, WorkingTree | None]:
    """Yield the questions to git, take its answers, or GitError, and return the working tree; None if there is none."""
    # Looked up here first: in a server's master process, a git that fails would look like a worker that fails.
    if not is_in_repository(folder) and "GIT_DIR" not in os.environ:
        return None
    try:
        top = Path(text((yield folder, ("rev-parse", "--show-toplevel"))).rstrip("\n"))
        tree = parse_status(top, (yield top, _STATUS))
    except GitError:
        return None
    changed = dict(tree.changed)
    for path in filter(lambda name: is_repository(top / name), changed):
        changed[path] = _described((yield from tree_questions(top / path)))
    folders = {top, Path(os.path.realpath(folder))}
    settings = {_relative(top, above / name): content_of(above / name) for above in folders for name in _SETTINGS}
    return replace(tree, changed={**settings, **changed})


def _relative(top: Path, path: Path) -> str:
    return os.path.relpath(path, os.path.realpath(top)).replace(os.sep, "/")


def parse_status(top: Path, status: bytes) -> WorkingTree:
    """Return the state that git's output in its format ``porcelain=v2`` with ``-z`` describes.

    Repositories within this one have no content yet.
    """
    heads: dict[str, str] = {}
    changed: dict[str, str] = {}
    dirty = False
    for entry in filter(None, text(status).split("\0")):
        if entry.startswith("# "):
            key, _, value = entry[2:].partition(" ")
            heads[key] = value
        else:
            path = _path_in(entry)
            file = top / path
            changed[path] = "" if is_repository(file) else _content_of_file(file, hashed=len(changed) < MAX_FILES)
            dirty |= not entry.startswith("?")
    commit, branch = heads.get("branch.oid"), heads.get("branch.head")
    return WorkingTree(
        str(top),
        None if commit == "(initial)" else commit,
        None if branch == "(detached)" else branch,
        dirty,
        changed,
    )


# The number of fields before the path, by the kind of entry: changed, unmerged, not under version control.
_FIELDS = {"1": 8, "u": 10, "?": 1}


def _path_in(entry: str) -> str:
    return entry.split(" ", _FIELDS[entry[0]])[-1]


def content_of(path: Path) -> str:
    """Return the hash of a file's content; empty if there is no such file.

    It is marked if the file is executable. A symbolic link counts by its target, as in git, a repository by its commit
    and changed files, and a large file by its time.
    """
    return _described(working_tree(path)) if is_repository(path) else _content_of_file(path)


def _content_of_file(path: Path, *, hashed: bool = True) -> str:
    try:
        about = os.lstat(path)
        if path.is_symlink():
            return hash_of(os.fsencode(os.readlink(path)))
        if path.is_dir() or about.st_size > _MAX_HASHED or not hashed:
            return f"{about.st_size}-{about.st_mtime_ns}"
        return hash_of(path.read_bytes()) + (_EXECUTABLE if about.st_mode & stat.S_IXUSR else "")
    except OSError:
        return ""


def without_mode(content: str) -> str:
    """Return the hash of a file's content, whether it is executable or not."""
    return content.removesuffix(_EXECUTABLE)


def is_repository(path: Path) -> bool:
    """True for a submodule, or another repository within this one."""
    return not path.is_symlink() and path.is_dir() and os.path.lexists(path / ".git")


def _described(tree: WorkingTree | None) -> str:
    """The hash of the state of a repository within this one."""
    if tree is None:
        return "unknown"
    return hash_of(repr((tree.commit, sorted(tree.changed.items()))).encode("utf-8", "surrogateescape"))
