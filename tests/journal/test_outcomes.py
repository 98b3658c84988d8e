"""The file of the outcomes of a run's tests."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal.outcomes import (
    Collection,
    append_collection,
    append_outcome,
    line_of,
    parse_outcomes,
    read_outcomes,
)
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.outcomes import Outcome

from ..support.journals import Writer, run_folder
from ..support.strategies import outcomes

PATH = Path("marks.tests.jsonl")
GOOD: dict[str, Any] = {"test": "t", "outcome": "passed", "duration_ms": 1.5, "at": 7, "files": ["t.py"]}


@pytest.fixture
def folder() -> RunFolder:
    return run_folder()


def rounded(outcome: Outcome) -> tuple[Any, ...]:
    duration = None if outcome.duration_ms is None else round(outcome.duration_ms, 3)
    return outcome.outcome, duration, outcome.at, outcome.files


def parsed(lines: Sequence[object]) -> tuple[dict[str, Any], int]:
    written = (line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    found = parse_outcomes(b"".join(b"\n%b\n" % line for line in written), PATH)
    return {test: rounded(outcome) for test, outcome in found.outcomes.items()}, found.unreadable


class TestUnaffected:
    """The tests that a session left out, with the runs in which they were recorded."""

    def test_of_all_sessions(self, folder: RunFolder) -> None:
        assert not folder.relies_on_others()
        append_collection(folder, Collection(["a", "b", "c"], "/srv", 1.0))
        assert not folder.relies_on_others()
        append_collection(folder, Collection(["a", "b", "c"], "/srv", 2.0, {"run1": ["a"], "run2": ["b"], "run3": []}))
        append_collection(folder, Collection(["d"], "/srv", 3.0, {"run2": ["d"]}))
        assert folder.relies_on_others()
        assert read_outcomes(folder).unaffected == {"a": "run1", "b": "run2", "d": "run2"}

    def test_that_ran_all_the_same(self, folder: RunFolder) -> None:
        append_collection(folder, Collection(["a", "b"], "/srv", 1.0, {"run1": ["a", "b"]}))
        append_outcome(folder, Outcome("a", "passed", 1.0, 2.0))
        assert read_outcomes(folder).unaffected == {"b": "run1"}

    def test_workers_of_one_session_write_it_once(self, folder: RunFolder) -> None:
        for at in (1.0, 2.0):
            append_collection(folder, Collection(["a"], "/srv", at, {"run1": ["a"]}))
        assert len(read_outcomes(folder).collections) == 1

    @pytest.mark.parametrize("unaffected", [1, ["a"], {"run1": "a"}, {"run1": [1]}, {"run1": [""]}, None])
    def test_damaged(self, unaffected: Any) -> None:
        line = {"collected": ["a"], "root": "/srv", "at": 1, "unaffected": unaffected}
        assert parsed([line]) == ({}, 1)


class TestLines:
    @settings(max_examples=200, deadline=None)
    @given(st.lists(outcomes, max_size=12))
    def test_last_one_counts(self, reported: list[Outcome]) -> None:
        data = b"".join(f"\n{line_of(outcome)}\n".encode() for outcome in reported)
        assert data.isascii()
        # `sorted` keeps the order of those with the same time.
        expected = {one.test: rounded(one) for one in sorted(reported, key=lambda one: one.at)}
        found = parse_outcomes(data, PATH)
        assert {test: rounded(outcome) for test, outcome in found.outcomes.items()} == expected
        assert list(found.outcomes) == list(dict.fromkeys(one.test for one in reported))
        assert (found.unreadable, list(found.warnings)) == (0, [])

    @settings(max_examples=200, deadline=None)
    @given(st.lists(outcomes, min_size=1, max_size=6), st.data())
    def test_torn_line_costs_only_itself(self, reported: list[Outcome], data: st.DataObject) -> None:
        """A full disk takes a part of a write; the next one begins with a newline."""
        writes = [f"\n{line_of(outcome)}\n".encode() for outcome in reported]
        torn = data.draw(st.integers(0, len(writes) - 1))
        cut = data.draw(st.integers(2, len(writes[torn]) - 2))
        content = b"".join(write[:cut] if number == torn else write for number, write in enumerate(writes))
        found = parse_outcomes(content, PATH)
        rest = reported[:torn] + reported[torn + 1 :]
        assert {test: rounded(outcome) for test, outcome in found.outcomes.items()} == {
            one.test: rounded(one) for one in sorted(rest, key=lambda one: one.at)
        }
        assert list(found.warnings) == ["marks.tests.jsonl: 1 line cannot be read, skipped"]

    @pytest.mark.parametrize(
        "line",
        [
            b"{", b"[1]", b"1", b"null", b'"collected"', b"\xff", b"[" * 100_000, {}, {"collected": 1},
            {"collected": ["t"], "root": 1, "at": 1}, {"collected": ["t"], "at": 1},
            {"collected": [1], "root": "/", "at": 1},
            *({key: value for key, value in GOOD.items() if key != missing} for missing in GOOD),
            {**GOOD, "outcome": "rerun"}, {**GOOD, "outcome": None}, {**GOOD, "outcome": ["passed"]},
            {**GOOD, "outcome": {}}, {**GOOD, "test": ""}, {**GOOD, "test": 1}, {**GOOD, "test": "x" * 1001},
            {**GOOD, "test": "\ud800"}, {**GOOD, "at": -1}, {**GOOD, "at": True}, {**GOOD, "at": float("inf")},
            {**GOOD, "at": "7"}, {**GOOD, "duration_ms": float("nan")}, {**GOOD, "duration_ms": 1e300},
            {**GOOD, "files": "t.py"}, {**GOOD, "files": [1]}, {**GOOD, "files": ["x" * 2001]},
            {**GOOD, "files": ["\udcff"]},
        ],
        ids=lambda line: str(line)[:80],
    )  # fmt: skip
    def test_malformed_line_is_skipped_and_counted(self, line: object) -> None:
        assert parsed([GOOD, line, {**GOOD, "test": "u"}]) == (
            {"t": ("passed", 1.5, 7.0, ("t.py",)), "u": ("passed", 1.5, 7.0, ("t.py",))},
            1,
        )

    def test_line_that_is_being_written_does_not_count(self) -> None:
        """Only its newline shows that it is complete."""
        data = f"\n{json.dumps(GOOD)}\n".encode()
        for end in range(2, len(data)):
            found = parse_outcomes(data[:end], PATH)
            assert (dict(found.outcomes), found.unreadable) == ({}, 1)

    def test_keys_of_newer_versions_pass(self) -> None:
        assert parsed([{**GOOD, "worker": "gw1"}])[0] == {"t": ("passed", 1.5, 7.0, ("t.py",))}


class TestFile:
    def test_run_of_an_older_version_has_none(self, folder: RunFolder) -> None:
        found = read_outcomes(folder)
        assert (found.outcomes, found.last_collection, found.size, folder.outcomes_size()) == ({}, None, 0, 0)
        assert list(found.warnings) == []

    def test_written_and_read(self, folder: RunFolder) -> None:
        outcome = Outcome("tests/é.py::test[→]", "failed", 12.5, 3.25, ("tests/é.py",))
        append_outcome(folder, outcome)
        found = read_outcomes(folder)
        assert found.outcomes == {outcome.test: outcome}
        assert found.size == folder.outcomes_size() == os.path.getsize(folder.outcomes_path)

    def test_is_no_journal_and_no_foreign_file(self, folder: RunFolder) -> None:
        Writer(folder, "aaaaaaaa")
        append_outcome(folder, Outcome("t", "passed", 1.0, 1.0))
        run = read_run(folder)
        assert (len(run.processes), list(run.warnings)) == (1, [])

    def test_processes_append_at_the_same_time(self, folder: RunFolder) -> None:
        names = [f"test_{number}" for number in range(200)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: append_outcome(folder, Outcome(name, "passed", 1.0, 1.0)), names))
        found = read_outcomes(folder)
        assert (set(found.outcomes), found.unreadable) == (set(names), 0)

    def test_same_collection_is_written_once(self, folder: RunFolder) -> None:
        for at, tests in [(1.0, ["a", "b"]), (2.0, ["a", "b"]), (3.0, ["a"]), (4.0, ["a", "b"])]:
            append_collection(folder, Collection(tests, "/suite", at))
        found = read_outcomes(folder)
        assert [(one.at, list(one.tests)) for one in found.collections] == [
            (1, ["a", "b"]),
            (3, ["a"]),
            (4, ["a", "b"]),
        ]
        assert found.last_collection == Collection(("a", "b"), "/suite", 4.0)

    def test_folder_that_was_removed_is_created_again(self, folder: RunFolder) -> None:
        folder.path.rmdir()
        append_outcome(folder, Outcome("t", "passed", 1.0, 1.0))
        assert list(read_outcomes(folder).outcomes) == ["t"]

    def test_link_is_not_followed(self, folder: RunFolder, tmp_path: Path) -> None:
        target = tmp_path / "target"
        target.write_text("mine\n")
        folder.outcomes_path.symlink_to(target)
        with pytest.raises(StorageError, match=r"not a regular file.*so the outcome of t is not recorded") as caught:
            append_outcome(folder, Outcome("t", "passed", 1.0, 1.0))
        assert "\n" not in str(caught.value)
        assert target.read_text() == "mine\n"
        assert "not a regular file" in next(iter(read_outcomes(folder).warnings))
