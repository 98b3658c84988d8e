"""The outcomes of the tests of a run, in its folder beside the journals: ``marks.tests.jsonl``.

They are no lines of a journal, because a program that is no process of the run appends them too: pytest, also when the
server has ended. Each line is a JSON object in ASCII, appended by one ``write``, with a newline before it, so that it
does not become part of one that a full disk has torn. The two kinds:

``{"test", "outcome", "duration_ms", "at", "files"}``
    a test has ended: the fields of :class:`~..model.outcomes.Outcome`. The last line of a test counts: the one with the
    greatest ``at``, and of those with the same one, the last in the file
``{"collected", "root", "at", "unaffected"}``
    the names of all tests that a session has collected, before any is deselected, and the absolute path of its root,
    to which the files of the tests are relative. ``unaffected``, if it is there, are those that need not run because no
    change can affect them: by the id of the run in which they were recorded
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..model.data_files import open_data_file, read_data_file
from ..model.outcomes import OUTCOMES, Outcome
from ..model.text import MAX_NAME_LENGTH, MAX_PATH_LENGTH
from .append_file import write_all
from .format import UNREADABLE, describe_unreadable
from .run_folder import RunFolder
from .storage import make_run_folder, storage_error

# Databases can store lesser numbers; JSON has greater ones, and infinity.
_LIMIT = 1e12


@dataclass(frozen=True)
class Collection:
    """The names of all ``tests`` that a session has collected; its ``root`` is an absolute path.

    ``unaffected`` are those that need not run, because no change since they were recorded can affect them: by the id of
    the run in which they were.
    """

    tests: Sequence[str]
    root: str
    at: float
    unaffected: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordedOutcomes:
    """The last outcome of each test of a run, in the order in which the tests were first reported.

    ``collections`` are those of all sessions, in their order. ``unreadable`` counts the lines that were skipped, and
    ``warnings`` name them. ``size`` is that of the file in bytes.
    """

    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    collections: Sequence[Collection] = ()
    unreadable: int = 0
    warnings: Sequence[str] = ()
    size: int = 0

    @property
    def names(self) -> frozenset[str]:
        """The names of all tests that have an outcome or were collected."""
        return frozenset(self.outcomes) | self.collected

    @property
    def collected(self) -> frozenset[str]:
        """The names of all tests that sessions have collected."""
        return frozenset(name for one in self.collections for name in one.tests)

    @property
    def last_collection(self) -> Collection | None:
        """The tests of the last session; None if no session has recorded them."""
        return max(self.collections, key=lambda one: one.at, default=None)

    @property
    def unaffected(self) -> dict[str, str]:
        """The tests that have not run, because no change can affect them, with the runs in which they were recorded."""
        found = {test: run for one in self.collections for run, tests in one.unaffected.items() for test in tests}
        return {test: run for test, run in found.items() if test not in self.outcomes}


# Writing


def append_outcome(folder: RunFolder, outcome: Outcome) -> None:
    """Record the outcome of a test. Raises StorageError."""
    _append(folder, line_of(outcome), f"the outcome of {outcome.test} is not recorded")


def append_collection(folder: RunFolder, collection: Collection) -> None:
    """Record the tests that a session has collected, unless it is recorded already. Raises StorageError."""
    last = read_outcomes(folder).last_collection
    # The workers of one session collect the same tests.
    if last is not None and _content_of(last) == _content_of(collection):
        return
    fields = {**_content_of(collection), "at": collection.at}
    _append(folder, _encoded(fields), "the tests of this session are not recorded")


def _content_of(collection: Collection) -> dict[str, Any]:
    fields = {"collected": list(collection.tests), "root": collection.root}
    unaffected = {run: list(tests) for run, tests in collection.unaffected.items() if tests}
    return {**fields, "unaffected": unaffected} if unaffected else fields


def line_of(outcome: Outcome) -> str:
    """Return the line for an outcome, without newlines."""
    duration = None if outcome.duration_ms is None else round(outcome.duration_ms, 3)
    fields = {
        "test": outcome.test, "outcome": outcome.outcome, "duration_ms": duration, "at": outcome.at,
        "files": list(outcome.files),
    }  # fmt: skip
    return _encoded(fields)


def _encoded(fields: Mapping[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))


def _append(folder: RunFolder, line: str, consequence: str) -> None:
    path = folder.outcomes_path
    try:
        make_run_folder(folder.path)
        descriptor = open_data_file(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            write_all(descriptor, f"\n{line}\n".encode())
        finally:
            os.close(descriptor)
    except OSError as error:
        raise storage_error(path, error, consequence) from error


# Reading


def read_outcomes(folder: RunFolder) -> RecordedOutcomes:
    """Return the outcomes of the tests of a run. What cannot be read is left out, and named in ``warnings``."""
    path = folder.outcomes_path
    try:
        data = read_data_file(path)
    except FileNotFoundError:
        return RecordedOutcomes()
    except OSError as error:
        return RecordedOutcomes(warnings=[f"{path}: cannot be read ({error.strerror}), skipped"])
    return parse_outcomes(data, path)


def parse_outcomes(data: bytes, path: Path) -> RecordedOutcomes:
    """Return the outcomes in ``data``, the content of the file at ``path``."""
    whole = data.rfind(b"\n") + 1
    outcomes, collections, unreadable = parse_lines(data[:whole])
    # The last line is being written, or was torn.
    unreadable += whole < len(data)
    warnings = [describe_unreadable(path, unreadable)] if unreadable else []
    return RecordedOutcomes(outcomes, collections, unreadable, warnings, len(data))


def parse_lines(data: bytes) -> tuple[dict[str, Outcome], list[Collection], int]:
    """Return the outcomes and collections in whole lines, and the number of lines that cannot be read."""
    outcomes: dict[str, Outcome] = {}
    collections: list[Collection] = []
    unreadable = 0
    for line in filter(None, data.split(b"\n")):
        try:
            fields = json.loads(line)
            if "collected" in fields:
                collections.append(_collection_of(fields))
                continue
            outcome = _outcome_of(fields)
        except UNREADABLE:
            unreadable += 1
            continue
        known = outcomes.get(outcome.test)
        if known is None or outcome.at >= known.at:
            outcomes[outcome.test] = outcome
    return outcomes, collections, unreadable


def _outcome_of(fields: dict[str, Any]) -> Outcome:
    """Return the outcome in a line of that kind. Raises one of UNREADABLE for other lines."""
    outcome, duration = fields["outcome"], fields["duration_ms"]
    if outcome not in OUTCOMES:
        raise ValueError("no outcome")
    duration_ms = None if duration is None else round(_number(duration), 3)
    files = _texts(fields["files"], MAX_PATH_LENGTH)
    (test,) = _texts([fields["test"]], MAX_NAME_LENGTH)
    return Outcome(test, outcome, duration_ms, _number(fields["at"]), files)


def _collection_of(fields: dict[str, Any]) -> Collection:
    """Return the collection in a line of that kind. Raises one of UNREADABLE for other lines."""
    root = fields["root"]
    if type(root) is not str:
        raise TypeError("the root is no text")
    unaffected = {run: _texts(tests, MAX_NAME_LENGTH) for run, tests in fields.get("unaffected", {}).items()}
    return Collection(_texts(fields["collected"], MAX_NAME_LENGTH), root, _number(fields["at"]), unaffected)


def _number(value: Any) -> float:
    # Exact types, because true is no number in JSON.
    if type(value) not in (int, float) or not 0 <= value < _LIMIT:
        raise ValueError("a number is out of range")
    return float(value)


def _texts(values: Any, longest: int) -> tuple[str, ...]:
    if type(values) is not list or not all(type(text) is str and 0 < len(text) <= longest for text in values):
        raise TypeError("not a list of texts")
    for text in values:
        # Half a surrogate pair is valid in JSON, and in no database. Nor is NUL in PostgreSQL.
        text.encode()
        if "\0" in text:
            raise ValueError("a text has a NUL")
    return tuple(values)
