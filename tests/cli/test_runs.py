"""``livecov runs`` and ``prune``: what they list and remove, and what a run notes about its origin.

Tests ``cli.runs``, ``cli.handlers.recorded_runs``, ``cli.handlers.surplus_runs`` and
``queries.run_list``.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.facts import note_command, note_working_tree, read_facts
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.journal.retention import remove
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.model.run_facts import Command, WorkingTree
from flask_livecoverage.queries import run_removal

from ..support.journals import HEADER, Writer, run_folder, trace_of
from ..support.processes import Ask, Commands, Invoke
from ..support.repositories import GitFolder

NOW = 1_700_000_000.0
DATA_DIR = Path(".livecov")


def record(name: str, started_at: float = NOW, test: str | None = "a") -> RunFolder:
    writer = Writer(run_folder(name), "1a", pid=2**22 + 1, started_at=started_at)
    writer.request(trace_of({"/srv/app.py": [1]}), started_at + 1, test=test, duration_ms=500)
    return writer.folder


def runs() -> list[str]:
    return sorted(run.id for run in DataDir(DATA_DIR).runs())


class TestList:
    def test_all_facts(self, ask: Ask, write_module: Callable[..., Path]) -> None:
        source = write_module("def f():\n    return 1\n\n\ndef g():\n    return 2\n", "source")
        writer = Writer(run_folder("first"), "1a", pid=2**22 + 1, started_at=NOW)
        trace = Trace.of({str(source): FileLines(hash_of(source.read_bytes()), to_bitmap([1, 2, 5]))})
        for number, test in enumerate(["a", "b", "b", None]):
            writer.request(trace, NOW + number, test=test, duration_ms=250)
        append_outcome(writer.folder, Outcome("a", "passed", 5.0, NOW))
        append_outcome(writer.folder, Outcome("b", "failed", 5.0, NOW))
        note_working_tree(writer.folder, lambda: WorkingTree("/code", "c" * 40, "main", True, {"app.py": ""}))
        note_command(writer.folder, Command(("pytest", "-k", "a b"), 1))
        (found,) = ask("runs")
        assert found == {
            "id": "first",
            "started_at": NOW,
            "duration_ms": 3250,
            "command": "pytest -k 'a b'",
            "status": 1,
            "commit": "c" * 40,
            "branch": "main",
            "dirty": True,
            "tests": 2,
            "failed": 1,
            "requests": 4,
            "percent": 75,
            "processes": 1,
            "bytes": sum(path.stat().st_size for path in writer.folder.path.iterdir()),
            "live": False,
        }

    def test_newest_first(self, ask: Ask, invoke: Invoke) -> None:
        for number in range(3):
            record(f"run-{number}", NOW + 60 * number)
        assert [run["id"] for run in ask("runs")] == ["run-2", "run-1", "run-0"]
        lines = invoke("runs").stdout.splitlines()
        assert [line.split()[0] for line in lines[2:5]] == ["run-2", "run-1", "run-0"]

    def test_run_of_an_older_version(self, ask: Ask, invoke: Invoke) -> None:
        """It has neither facts nor the contents of its files."""
        record("first")
        (found,) = ask("runs")
        assert {key for key, value in found.items() if value is None} == {
            "command", "status", "commit", "branch", "dirty", "failed", "percent",
        }  # fmt: skip
        shown = invoke("runs")
        assert (shown.status, shown.stderr) == (0, "")
        assert "?: not all of its files' contents were kept" in shown.stdout

    def test_live_run(self, invoke: Invoke) -> None:
        journal = Journal(record("first").path, HEADER)
        journal.append("{}")
        assert "Live: a process records into it." in invoke("runs").stdout
        journal.close()

    def test_nothing_recorded(self, invoke: Invoke) -> None:
        result = invoke("runs")
        assert result.status == 1
        assert "nothing is recorded" in result.stderr


class TestPrune:
    @pytest.fixture(autouse=True)
    def _recorded(self) -> None:
        for number in range(4):
            record(f"run-{number}", NOW + 60 * number)

    def test_keep(self, invoke: Invoke) -> None:
        result = invoke("prune", "--keep", "1", "--yes")
        assert (result.status, result.stderr) == (0, "")
        assert [line.split()[0] for line in result.stdout.splitlines()[2:5]] == ["run-2", "run-1", "run-0"]
        assert result.stdout.endswith("Removed 3 runs.\n")
        assert runs() == ["run-3"]

    def test_older_than(self, invoke: Invoke) -> None:
        assert invoke("prune", "--older-than", str(NOW + 90), "--yes").status == 0
        assert runs() == ["run-2", "run-3"]

    def test_both(self, invoke: Invoke) -> None:
        assert invoke("prune", "--keep", "3", "--older-than", str(NOW + 90), "--yes").status == 0
        assert runs() == ["run-1", "run-2", "run-3"]

    def test_default_is_the_setting(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        assert invoke("prune", "--yes").stdout == "No runs to remove.\n"
        monkeypatch.setenv("LIVECOVERAGE_KEEP_RUNS", "0")
        assert invoke("prune", "--yes").stdout == "No runs to remove.\n"
        monkeypatch.setenv("LIVECOVERAGE_KEEP_RUNS", "3")
        assert invoke("prune", "--yes").stdout.endswith("Removed 1 run.\n")
        assert runs() == ["run-1", "run-2", "run-3"]

    @pytest.mark.parametrize(("answer", "left"), [("y\n", 1), ("n\n", 4), ("", 4)])
    def test_asks(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, answer: str, left: int) -> None:
        answers = iter(answer.splitlines())

        def ask(_prompt: str) -> str:
            try:
                return next(answers)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("click.termui.visible_prompt_func", ask)
        result = invoke("prune", "--keep", "1")
        assert result.status == (0 if answer else 1)
        assert len(runs()) == left

    def test_json_removes_with_yes_alone(self, ask: Ask) -> None:
        assert ask("prune", "--keep", "2") == {"removed": False, "runs": ["run-0", "run-1"]}
        assert len(runs()) == 4
        assert ask("prune", "--keep", "2", "--yes") == {"removed": True, "runs": ["run-0", "run-1"]}
        assert runs() == ["run-2", "run-3"]

    def test_live_run_stays(self, invoke: Invoke) -> None:
        journal = Journal(run_folder("run-0").path, HEADER)
        journal.append("{}")
        result = invoke("prune", "--keep", "0", "--yes")
        assert result.status == 0
        assert "the run run-0 is being recorded: it stays" in result.stderr
        assert runs() == ["run-0"]
        journal.close()

    def test_run_that_becomes_live_while_it_asks(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server may join an old run by LIVECOVERAGE_RUN."""
        journal = Journal(run_folder("run-1").path, HEADER)

        def ask(_prompt: str) -> str:
            journal.append("{}")
            return "y"

        monkeypatch.setattr("click.termui.visible_prompt_func", ask)
        result = invoke("prune", "--keep", "1")
        assert "the run run-1 is being recorded: it stays" in result.stderr
        assert result.status == 0
        assert result.stdout.endswith("Removed 2 runs.\n")
        assert runs() == ["run-1", "run-3"]
        journal.close()

    def test_run_that_becomes_live_while_others_are_removed(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        journal = Journal(run_folder("run-2").path, HEADER)

        def remove_and_record(folder: RunFolder) -> None:
            remove(folder)
            journal.append("{}")

        monkeypatch.setattr(run_removal, "remove", remove_and_record)
        assert ask("prune", "--keep", "1", "--yes") == {"removed": True, "runs": ["run-0", "run-1"]}
        assert runs() == ["run-2", "run-3"]
        journal.close()

    def test_folder_without_records(self, invoke: Invoke) -> None:
        empty = run_folder("empty")
        os.utime(empty.path, (1, 1))
        result = invoke("prune", "--keep", "4", "--yes")
        assert "Without any record: empty" in result.stdout
        assert runs() == ["run-0", "run-1", "run-2", "run-3"]

    def test_answers_afterwards_are_those_of_the_other_runs(self, ask: Ask) -> None:
        before = ask("requests", "--run", "run-3")
        assert ask("requests", "--run", "all")["total"] == 4
        ask("prune", "--keep", "1", "--yes")
        assert ask("requests", "--run", "all") == before


@pytest.mark.end_to_end
class TestRun:
    def test_run_is_known(self, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        repository = GitFolder(commands.folder)
        commit = repository.commit({".gitignore": "*\n"})
        fetch = "import os, sys, urllib.request as r; r.urlopen(os.environ['LIVECOVERAGE_URL']); sys.exit(3)"
        result = commands.run("--report", "text", "--", sys.executable, "-c", fetch)
        assert result.status == 3
        (run,) = DataDir(commands.folder / ".livecov").runs()
        facts = read_facts(run)
        assert facts.command == Command((sys.executable, "-c", fetch), 3)
        assert facts.tree is not None
        assert (facts.tree.commit, facts.tree.branch) == (commit, "main")

    def test_old_runs_are_removed(self, commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(commands.folder)
        for number in range(3):
            record(f"run-{number}", NOW + number)
        monkeypatch.setenv("LIVECOVERAGE_KEEP_RUNS", "2")
        result = commands.run("--report", "text", "--", sys.executable, "-c", "")
        assert "Removed 2 runs (run-0 to run-1): LIVECOVERAGE_KEEP_RUNS keeps 2" in result.stderr
        assert len(runs()) == 2
        assert "run-2" in runs()
