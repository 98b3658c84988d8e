"""Keeps the outcomes of mutants, which do not depend on what is selected, so another judge runs no suites again."""

from __future__ import annotations

import hashlib
import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from .mutations import Mutant, Tree

RAN, NOT_STARTED, CUT_SHORT = "ran", "not started", "cut short"


@dataclass(frozen=True)
class Known:
    """The tests whose outcome a mutant changes, with that outcome; ``digest`` is that of all files."""

    number: int
    digest: str
    status: str
    problem: str | None
    changed: dict[str, str] = field(default_factory=dict)


class KnownOutcomes:
    """The outcomes of an application's mutants of one seed, in a file for each process that runs some."""

    def __init__(self, folder: Path, name: str, seed: int, job: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._files = f"{name}-{seed}-*.jsonl"
        self._file = folder / f"{name}-{seed}-{job}.jsonl"
        self._known: dict[int, Known] = {}

    def get(self, mutant: Mutant, digest: str) -> Known | None:
        """The recorded result of a mutant, unless the files have changed since."""
        if mutant.number not in self._known:
            # Another process may have run it in the meantime.
            self._read()
        found = self._known.get(mutant.number)
        return found if found is not None and found.digest == digest else None

    def _read(self) -> None:
        for path in sorted(self._folder.glob(self._files)):
            # The last line may not have been written completely.
            for line in path.read_text().rpartition("\n")[0].splitlines():
                one = Known(**json.loads(line))
                self._known[one.number] = one

    def add(self, one: Known) -> None:
        """Keep the outcomes of a mutant."""
        self._known[one.number] = one
        with self._file.open("a") as file:
            file.write(json.dumps(asdict(one), separators=(",", ":")) + "\n")


def digest_of(tree: Tree, mutant: Mutant) -> str:
    """A digest of the files with a mutant, and of what runs them."""
    return _digest({"base": digest_of_tree(tree), "changes": mutant.changes})


def digest_of_tree(tree: Tree) -> str:
    """A digest of all files, and of the versions of what runs them."""
    return _digest({"files": tree.files, "python": platform.python_version(), "flask": version("flask")})


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
