"""The facts about a run that come from outside of the server, in files of its folder.

``marks.git.json`` is the state of the working tree when the run began: of several processes, the first one writes it.
``marks.command.json`` is the command that the run is for, and its status once it has ended. Runs of older versions have
neither.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from ..model.atomic_files import replace_data_file
from ..model.data_files import open_data_file, read_data_file
from ..model.run_facts import Command, RunFacts, WorkingTree
from .run_folder import RunFolder

_TREE, _COMMAND = "marks.git.json", "marks.command.json"

logger = logging.getLogger("flask_livecoverage")


def note_working_tree(folder: RunFolder, find: Callable[[], WorkingTree | None]) -> None:
    """Write the state of the working tree, unless a process of the run has begun to; ``find`` is called for it.

    Nothing is written if nothing is recorded, and so there is no folder. A disk that cannot be written is not reported
    here, because the journal, on the same disk, is.
    """
    if claim_working_tree(folder):
        write_working_tree(folder, find())


def claim_working_tree(folder: RunFolder) -> bool:
    """Return whether this process is to find the state of the working tree: the first one that asks.

    Of many workers that start together, each would run git.
    """
    with suppress(OSError):
        os.close(open_data_file(folder.path / _TREE, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
        return True
    return False


def write_working_tree(folder: RunFolder, tree: WorkingTree | None) -> None:
    """Write the state of the working tree, which this process has claimed; None if there is none."""
    with suppress(OSError):
        replace_data_file(folder.path / _TREE, _encoded({} if tree is None else asdict(tree)))


def note_command(folder: RunFolder, command: Command) -> None:
    """Write the command of the run, in place of what was written. A disk that cannot be written is logged.

    Nothing is written if nothing is recorded.
    """
    path = folder.path / _COMMAND
    try:
        replace_data_file(path, _encoded(asdict(command)))
    except FileNotFoundError:
        return
    except OSError as error:
        logger.warning("%s: cannot be written (%s): the command of this run is not recorded", path, error.strerror)


def read_facts(folder: RunFolder) -> RunFacts:
    """Return the facts about a run. What is missing, or cannot be read, is None."""
    return RunFacts(_tree(_read(folder, _TREE)), _command(_read(folder, _COMMAND)))


def _encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def _read(folder: RunFolder, name: str) -> dict[str, Any]:
    try:
        found = json.loads(read_data_file(folder.path / name))
    except (OSError, ValueError, RecursionError):
        # Also empty, if its process has ended while it ran git.
        return {}
    return found if isinstance(found, dict) else {}


def _tree(fields: dict[str, Any]) -> WorkingTree | None:
    top, commit, branch, dirty, changed = map(fields.get, ("top", "commit", "branch", "dirty", "changed"))
    if not isinstance(top, str) or not isinstance(dirty, bool) or not isinstance(changed, dict):
        return None
    if not all(isinstance(one, str | None) for one in (commit, branch)):
        return None
    return WorkingTree(top, commit, branch, dirty, {path: str(content) for path, content in changed.items()})


def _command(fields: dict[str, Any]) -> Command | None:
    arguments, status = fields.get("arguments"), fields.get("status")
    if not isinstance(arguments, list) or not isinstance(status, int | None):
        return None
    return Command(tuple(map(str, arguments)), status)
