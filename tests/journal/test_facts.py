"""The facts about a run that come from outside of the server.

Tests ``journal.facts`` and ``model.run_facts``.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.journal.facts import note_command, note_working_tree, read_facts
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.run_facts import Command, RunFacts, WorkingTree

from ..support.journals import run_folder

TREE = WorkingTree("/code", "0" * 40, "main", True, {"app.py": "ab", "gone.py": "", "\udcff.py": "cd"})


def test_round_trip() -> None:
    folder = run_folder()
    assert read_facts(folder) == RunFacts(None, None)
    note_working_tree(folder, lambda: TREE)
    note_command(folder, Command(("pytest", "-k", "ä b")))
    assert read_facts(folder) == RunFacts(TREE, Command(("pytest", "-k", "ä b"), None))
    note_command(folder, Command(("pytest",), 1))
    assert read_facts(folder).command == Command(("pytest",), 1)


def test_first_process_notes_the_working_tree() -> None:
    def not_called() -> WorkingTree:
        raise AssertionError("git was run again")

    folder = run_folder()
    note_working_tree(folder, lambda: TREE)
    note_working_tree(folder, not_called)
    assert read_facts(folder).tree == TREE


def test_no_repository() -> None:
    folder = run_folder()
    note_working_tree(folder, lambda: None)
    assert read_facts(folder) == RunFacts(None, None)


def test_folder_that_cannot_be_written(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").touch()
    folder = RunFolder(tmp_path / "file" / "runs" / "run")
    note_working_tree(folder, lambda: TREE)
    assert read_facts(folder) == RunFacts(None, None)
    with caplog.at_level(logging.WARNING):
        note_command(folder, Command(("pytest",)))
    assert "the command of this run is not recorded" in caplog.text
    assert read_facts(folder) == RunFacts(None, None)


def test_nothing_is_recorded(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "runs" / "run")
    note_working_tree(folder, lambda: TREE)
    note_command(folder, Command(("pytest",)))
    assert list(tmp_path.iterdir()) == []


@given(
    content=st.one_of(
        st.binary(max_size=40),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.sampled_from(["top", "changed"]),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["top", "commit", "branch", "dirty", "changed", "arguments", "status"]), inner
                )
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_anything_else_is_no_fact(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("run"))
    (folder.path / "marks.git.json").write_bytes(content)
    (folder.path / "marks.command.json").write_bytes(content)
    facts = read_facts(folder)
    assert isinstance(facts.tree, WorkingTree | None)
    assert isinstance(facts.command, Command | None)
