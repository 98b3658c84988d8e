"""Which tests a run recorded, found without parsing its journals, and kept in a small file beside them.

``marks.names.json`` holds the three sets of names, and the ``size`` of the files that were read for it, in bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..model.atomic_files import replace_data_file
from ..model.data_files import open_for_reading, read_data_file
from ..model.text import whole_name
from .format import pieces
from .outcomes import read_outcomes
from .run_folder import RunFolder

# The test of a request, or the name of a window that opens. Quotation marks within texts are escaped.
_NAMES = re.compile(rb'(?:"test":|\{"type":"window",[^}\n]*"name":)("(?:[^"\\\n]|\\.)+")')


@dataclass(frozen=True)
class RecordedTests:
    """The names of the ``tests`` that requests, windows or outcomes name, and of those that sessions ``collected``.

    ``roots`` are the folders to which the files in pytest's names are relative.
    """

    tests: frozenset[str] = frozenset()
    collected: frozenset[str] = frozenset()
    roots: frozenset[str] = frozenset()


def recorded_tests(folder: RunFolder) -> RecordedTests:
    """Return the tests of a run that has ended. Its journals are read at the first call alone."""
    path = folder.path / "marks.names.json"
    size = _size([*folder.journals(), folder.outcomes_path])
    known = _read(path)
    if known.get("size") == size:
        with suppress(KeyError, TypeError):
            return RecordedTests(*(frozenset(map(str, known[key])) for key in ("tests", "collected", "roots")))
    found = _find(folder)
    content = {"size": size, **{key: sorted(names) for key, names in asdict(found).items()}}
    # Where nothing can be written, the journals are read again.
    with suppress(OSError):
        replace_data_file(path, json.dumps(content).encode() + b"\n")
    return found


class ExistingTests:
    """The tests that exist, as far as that is known without collecting them.

    They are those that a session of ``kept`` runs has collected, and those whose file still has their name in it: a
    session of one file says nothing about the others.
    """

    def __init__(self, kept: Iterable[RecordedTests], all_runs: Iterable[RecordedTests]) -> None:
        self.collected = frozenset(name for one in kept for name in one.collected)
        self._roots = frozenset(root for one in all_runs for root in one.roots)
        self._words: dict[str, frozenset[str]] = {}

    def __contains__(self, name: str) -> bool:
        path, _, rest = name.partition("::")
        own = rest.partition("[")[0].rpartition("::")[2]
        return name in self.collected or (bool(own) and own in self._words_in(path))

    def _words_in(self, path: str) -> frozenset[str]:
        if path not in self._words:
            self._words[path] = frozenset(_words_of(Path(root, path) for root in self._roots))
        return self._words[path]


def _words_of(files: Iterable[Path]) -> Iterator[str]:
    for file in files:
        with suppress(OSError, ValueError):
            yield from re.findall(r"\w+", file.read_bytes().decode("utf-8", "replace"))


def _find(folder: RunFolder) -> RecordedTests:
    recorded = read_outcomes(folder)
    whole = recorded.names
    named = {whole_name(name, whole) for journal in folder.journals() for name in _named(journal)}
    roots = frozenset(one.root for one in recorded.collections)
    return RecordedTests(frozenset(named) | recorded.outcomes.keys(), recorded.collected, roots)


def _named(journal: Path) -> Iterator[str]:
    quoted: set[bytes] = set()
    with suppress(OSError), open_for_reading(journal) as file:
        for _, data in pieces(file):
            quoted.update(_NAMES.findall(data))
    for text in quoted:
        with suppress(ValueError):
            yield str(json.loads(text))


def _size(paths: Iterable[Path]) -> int:
    size = 0
    for path in paths:
        with suppress(OSError):
            size += path.stat().st_size
    return size


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(read_data_file(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
