"""Deletes the files of test cases that Keploy recorded."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click

from ...analysis.suite import are_set_and_id
from ...errors import ConfigurationError, ServerError
from ...model.text import printable
from .reporting import warn


def remove_cases(folder: Path, keepers: Mapping[str, str], *, confirmed: bool = False) -> None:
    """Delete ``folder/<set>/tests/<test>.yaml`` of the ids in ``keepers``, listed first; asks unless ``confirmed``.

    ``keepers`` maps each id to delete to the one that is kept for it. If that one has no file (it was deleted before,
    for another), nothing would be left, so the file stays. Ids come from a file that others wrote: one that leads out
    of the folder, through ``..`` or a symbolic link, deletes nothing. Those without a file are reported. Raises
    ConfigurationError if there is no such folder, ServerError if a file cannot be deleted.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"--rm {folder}: no such folder: name the one that holds Keploy's test sets")
    paths = _deletable(folder, keepers)
    if not paths:
        click.echo("There is no test case file to delete.", err=True)
        return
    for path in paths:
        click.echo(printable(str(path)), err=True)
    files = "file" if len(paths) == 1 else "files"
    if confirmed or click.confirm(f"Delete {len(paths)} test case {files}?", err=True):
        _delete(paths)
        click.echo(f"Deleted {len(paths)} test case {files}.", err=True)
    else:
        click.echo("Nothing was deleted.", err=True)


def _deletable(folder: Path, keepers: Mapping[str, str]) -> list[Path]:
    paths = []
    for test, keeper in keepers.items():
        path = case_path(folder, test)
        if path is None:
            warn(f"{test!r} has no test case file in {folder}, left alone")
        elif case_path(folder, keeper) is None:
            warn(f"{keeper!r}, which would be kept for {test!r}, has no test case file in {folder}: left both alone")
        else:
            paths.append(path)
    return paths


def case_path(folder: Path, test: str) -> Path | None:
    """The file of the test case ``set/test``; None if there is none, or if the path to it holds a symbolic link."""
    if "\0" in test or not are_set_and_id([test]):
        return None
    test_set, _, name = test.partition("/")
    path = folder / test_set / "tests" / f"{name}.yaml"
    if not path.is_file():
        return None
    # Also with `..` in an id: the expected path still has it, the real one never.
    expected = os.path.join(os.path.realpath(folder), test_set, "tests", f"{name}.yaml")
    return path if os.path.realpath(path) == expected else None


def _delete(paths: list[Path]) -> None:
    for done, path in enumerate(paths):
        try:
            path.unlink()
        except OSError as error:
            raise ServerError(f"cannot delete {path} ({error.strerror}): {done} of {len(paths)} are deleted") from None
