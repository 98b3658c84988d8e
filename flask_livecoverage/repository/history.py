"""Commits, and what has changed between one of them and the working tree."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import ConfigurationError
from .git import GitError, git, text

# So that a user's configuration does not change what is parsed.
_PLAIN = (
    "--no-ext-diff", "--no-textconv", "--no-color", "--src-prefix=a/", "--dst-prefix=b/", "--find-renames",
    "--submodule=short", "--ignore-submodules=none", "--no-relative",
)  # fmt: skip
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Change:
    """A path that differs from a commit; ``old_path`` is None if it is new, ``path`` is None if it is gone.

    ``has_other_mode`` is true if it has become executable, or a link, or is that no more. Paths are relative to the
    repository's folder, with slashes.
    """

    old_path: str | None
    path: str | None
    is_submodule: bool = False
    has_other_mode: bool = False


class Repository:
    """A git repository with a working tree; ``top`` is the folder of the latter."""

    def __init__(self, top: Path) -> None:
        self.top = top

    @classmethod
    def find(cls, folder: Path) -> Repository:
        """Return the repository that contains ``folder``. Raises ConfigurationError if there is none."""
        try:
            return cls(Path(text(git(folder, "rev-parse", "--show-toplevel")).rstrip("\n")))
        except GitError as error:
            if "not a git repository" not in str(error):
                raise
            raise ConfigurationError(
                f"{folder.absolute()} is in no git repository: run this in the application's repository, or give the "
                "change to `flask livecov affected` or `patch`, with --diff FILE"
            ) from None

    def resolve(self, ref: str) -> str:
        """Return the commit that ``ref`` names. Raises ConfigurationError if there is none."""
        with suppress(GitError):
            # Not as an option, whatever it is called.
            if not ref.startswith("-"):
                return text(git(self.top, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")).strip()
        problem = f"{ref!r} is no commit, branch or tag in {self.top}"
        if self.is_shallow:
            raise ConfigurationError(f"{problem}, which is a shallow clone: fetch more, with git fetch --unshallow")
        raise ConfigurationError(f"{problem}: see git branch --all")

    def head(self) -> str:
        """Return the commit that is checked out. Raises ConfigurationError before the first one."""
        try:
            return text(git(self.top, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")).strip()
        except GitError:
            raise ConfigurationError(f"{self.top} has no commit yet: commit first") from None

    @cached_property
    def is_shallow(self) -> bool:
        """Whether older commits may be missing here."""
        return text(git(self.top, "rev-parse", "--is-shallow-repository")).strip() == "true"

    def has(self, commit: str) -> bool:
        """Return whether this repository contains ``commit``."""
        try:
            return text(git(self.top, "cat-file", "-t", commit)).strip() == "commit"
        except GitError:
            return False

    def is_ancestor(self, commit: str, of: str) -> bool:
        """Return whether ``commit`` is ``of`` itself, or one of its ancestors that are here."""
        with suppress(GitError):
            return text(git(self.top, "merge-base", commit, of)).strip() == commit
        return False

    def merge_base(self, first: str, second: str) -> str:
        """Return the newest common ancestor of two commits. Raises ConfigurationError if there is none here."""
        try:
            return text(git(self.top, "merge-base", first, second)).strip()
        except GitError:
            hint = ": fetch more, with git fetch --unshallow" if self.is_shallow else ": choose another commit"
            raise ConfigurationError(f"{first} and {second} have no common ancestor in {self.top}{hint}") from None

    def changes(self, commit: str) -> list[Change]:
        """Return the paths that differ between ``commit`` and the working tree, files new to git included."""
        new = self._new_paths()
        with self._index_with(new) as environ:
            raw = text(git(self.top, "diff", "--raw", "-z", "--no-abbrev", *_PLAIN, commit, "--", environ=environ))
        # Of repositories within this one, git compares nothing.
        inner = (text(path).removesuffix("/") for path in new if path.endswith(b"/"))
        return [*_parse_raw(raw.split("\0")), *(Change(None, name, is_submodule=True) for name in inner)]

    def _new_paths(self) -> list[bytes]:
        """Return the files that are new to git; a slash follows those that are repositories."""
        return git(self.top, "ls-files", "--others", "--exclude-standard", "-z").split(b"\0")

    def diff(self, commit: str, context: int = 0) -> bytes:
        """Return the unified diff from ``commit`` to the working tree, files new to git included."""
        with self._index_with(self._new_paths()) as environ:
            return git(self.top, "diff", f"--unified={context}", *_PLAIN, commit, "--", environ=environ)

    def content(self, commit: str, path: str) -> bytes | None:
        """Return the content of a file in ``commit``; None if there is no such file, or no such commit here."""
        try:
            return git(self.top, "cat-file", "blob", f"{commit}:{path}")
        except GitError:
            return None

    def name_of(self, path: str) -> str | None:
        """Return the path of a file relative to the repository's folder, with slashes; None for one outside of it."""
        name = os.path.relpath(os.path.realpath(path), os.path.realpath(self.top)).replace(os.sep, "/")
        return None if name == ".." or name.startswith("../") else name

    def versions(self, name: str, limit: int = 50) -> Iterator[bytes]:
        """Yield the contents of a file in the newest ``limit`` commits that changed it, in any branch."""
        commits = "log", "--all", f"--max-count={limit}"
        with suppress(GitError):  # before the first commit
            raw = "--raw", "--no-abbrev", "--no-renames", "--format=", "-z", "--no-show-signature"
            log = git(self.top, *commits, *raw, "--", f":(literal){name}")
            changed = (entry.split(" ") for entry in text(log).split("\0") if entry.startswith(":"))
            blobs = dict.fromkeys(blob for _, _, old, new, _ in changed for blob in (new, old) if blob.strip("0"))
            yield from self._blobs(list(blobs))

    def _blobs(self, names: Sequence[str]) -> Iterator[bytes]:
        """Yield the contents of blobs, all from one process. Raises GitError."""
        output = git(self.top, "cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode())
        position = 0
        while position < len(output):
            end = output.index(b"\n", position)
            about = output[position:end].split()
            # A missing object, in a partial clone for example, has no content.
            size = int(about[2]) if len(about) == 3 else -1
            if size >= 0 and about[1] == b"blob":
                yield output[end + 1 : end + 1 + size]
            position = end + 1 + max(size + 1, 0)

    @contextmanager
    def _index_with(self, new: Iterable[bytes]) -> Iterator[Mapping[str, str]]:
        """Yield the environment for an index, a copy, that lists ``new`` files: ``git diff`` compares them too."""
        with tempfile.TemporaryDirectory() as folder:
            copy = os.path.join(folder, "index")
            with suppress(FileNotFoundError):
                shutil.copy2(self._git_path("index"), copy)
            # Without other repositories within this one.
            files = b"\0".join(path for path in new if not path.endswith(b"/"))
            if files:
                # git writes an empty object for them, which must not appear in the repository.
                scratch = {
                    "GIT_OBJECT_DIRECTORY": folder,
                    "GIT_ALTERNATE_OBJECT_DIRECTORIES": self._git_path("objects"),
                }
                environ = {"GIT_INDEX_FILE": copy, "GIT_LITERAL_PATHSPECS": "1", **scratch}
                add = "add", "--intent-to-add", "--pathspec-from-file=-", "--pathspec-file-nul"
                git(self.top, *add, environ=environ, stdin=files)
            yield {"GIT_INDEX_FILE": copy}

    def _git_path(self, name: str) -> str:
        return str(self.top / text(git(self.top, "rev-parse", "--git-path", name)).rstrip("\n"))


def _parse_raw(fields: list[str]) -> Iterator[Change]:
    """Yield the changes in git's raw format: a field about each, then one path, or two for a rename."""
    rest = iter(fields)
    for about in rest:
        if not about:
            return
        old_mode, new_mode, _, _, status = about.lstrip(":").split(" ")
        first = next(rest)
        is_submodule = _SUBMODULE in (old_mode, new_mode)
        has_other_mode = old_mode != new_mode and status[0] not in "ADC"
        new = next(rest) if status[0] in "RC" else None if status[0] == "D" else first
        yield Change(None if status[0] in "AC" else first, new, is_submodule, has_other_mode)
