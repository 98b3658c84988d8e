"""Runs git."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..errors import ConfigurationError

# With these, git takes a repository for that of any folder.
_PLACES = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX", "GIT_NAMESPACE"})
# Longer than any answer that a person would wait for.
_SECONDS = 120


class GitError(ConfigurationError):
    """git cannot answer: the message is git's own first line, or why it cannot run."""


def git(folder: Path, *arguments: str, environ: Mapping[str, str] | None = None, stdin: bytes = b"") -> bytes:
    """Return the output of ``git ARGUMENTS`` in ``folder``. Raises GitError if git is missing or fails."""
    command, variables = command_and_environ(folder, arguments, environ)
    try:
        done = subprocess.run(command, cwd=folder, env=variables, input=stdin, capture_output=True, timeout=_SECONDS)
    except FileNotFoundError:
        reason = "git is not installed" if folder.is_dir() else f"{folder} is no folder"
        raise GitError(f"{reason}: install it, or name another folder") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git {arguments[0]} cannot run: {error}") from None
    if done.returncode:
        raise GitError(_first_line(done.stderr) or f"git {arguments[0]} ended with status {done.returncode}")
    return done.stdout


def command_and_environ(
    folder: Path, arguments: Sequence[str], environ: Mapping[str, str] | None = None
) -> tuple[list[str], dict[str, str]]:
    """Return the command line that runs ``git ARGUMENTS`` in ``folder``, and its environment."""
    # Without optional locks, so that git in another terminal is never refused. Messages in English, because some are
    # compared.
    variables = {**_environ(folder), **(environ or {}), "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    return ["git", "-c", "core.quotePath=false", *arguments], variables


def _environ(folder: Path) -> dict[str, str]:
    """The environment without the place of a repository, which a hook of git sets, if ``folder`` is in another one."""
    names = _PLACES if is_in_repository(folder) else frozenset()
    return {name: value for name, value in os.environ.items() if name not in names}


def is_in_repository(folder: Path) -> bool:
    """True if a repository is found from a folder."""
    return any(os.path.lexists(above / ".git") for above in (folder.absolute(), *folder.absolute().parents))


def text(output: bytes) -> str:
    """Decode git's output; bytes of paths that are not UTF-8 become surrogates, as in :func:`os.fsdecode`."""
    return output.decode("utf-8", "surrogateescape")


def _first_line(stderr: bytes) -> str:
    lines = [line for line in text(stderr).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (errors or lines or [""])[0].removeprefix("fatal: ").removeprefix("error: ").strip()
