"""``livecov dedup --rm``: which of Keploy's test cases it deletes, and which it never touches."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.outcomes import Outcome

from ...support.journals import Writer, run_folder, trace_of
from ...support.processes import Invoke

DATA = Path(__file__).parents[2] / "data" / "keploy" / "dedupData.yaml"
CASES = [f"test-{number}" for number in range(1, 15)]
DUPLICATES = {"test-9", "test-13", "test-3", "test-7"}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def cases(tmp_path: Path) -> Path:
    """A folder such as Keploy writes, with a file for each test case."""
    folder = tmp_path / "keploy"
    (folder / "test-set-0" / "tests").mkdir(parents=True)
    for name in CASES:
        (folder / "test-set-0" / "tests" / f"{name}.yaml").write_text(f"name: {name}\n")
    (folder / "test-set-0" / "mocks.yaml").write_text("mocks")
    return folder


def left(folder: Path) -> set[str]:
    return {path.stem for path in (folder / "test-set-0" / "tests").iterdir()}


def answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("click.confirm", lambda question, **_: print(question, file=sys.stderr) or text == "y")


def test_test_that_has_not_passed_stays(invoke: Invoke, cases: Path) -> None:
    """Its lines may have ended early, so it may be no duplicate."""
    writer = Writer(run_folder(), "1a")
    for number, name in enumerate(["test-1", "test-2", "test-3"]):
        writer.request(trace_of({"/srv/app.py": [1]}), 1_700_000_000.0 + number, test=f"test-set-0/{name}")
    append_outcome(writer.folder, Outcome("test-set-0/test-2", "failed", 1.0, 1.0))
    result = invoke("dedup", "--rm", cases, "--yes")
    assert "Warning: the outcome of 'test-set-0/test-2' is failed, left alone\n" in result.stderr
    assert left(cases) == set(CASES) - {"test-3"}
    assert "test-set-0/test-2 (failed), test-set-0/test-3" in result.stdout


class TestRemoval:
    def test_nothing_without_rm(self, invoke: Invoke, cases: Path) -> None:
        invoke("dedup", "--input", DATA)

        assert left(cases) == set(CASES)

    @pytest.mark.parametrize("agreed", ["y", "n"])
    def test_listed_and_asked(self, invoke: Invoke, cases: Path, monkeypatch: pytest.MonkeyPatch, agreed: str) -> None:
        answer(monkeypatch, agreed)

        result = invoke("dedup", "--input", DATA, "--rm", cases)

        assert result.status == 0
        listed = result.stderr.splitlines()
        assert {Path(line).stem for line in listed[:4]} == DUPLICATES
        assert listed[4] == "Delete 4 test case files?"
        assert listed[5:] == (["Deleted 4 test case files."] if agreed == "y" else ["Nothing was deleted."])
        assert left(cases) == set(CASES) - (DUPLICATES if agreed == "y" else set())
        assert (cases / "test-set-0" / "mocks.yaml").read_text() == "mocks"

    def test_no_terminal_to_ask_at(self, invoke: Invoke, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", open(os.devnull))  # noqa: SIM115
        try:
            result = invoke("dedup", "--input", DATA, "--rm", cases)
        finally:
            sys.stdin.close()

        assert result.status == 1
        assert left(cases) == set(CASES)

    def test_yes(self, invoke: Invoke, cases: Path) -> None:
        result = invoke("dedup", "--input", DATA, "--rm", cases, "--yes", "--format", "json")

        assert json.loads(result.stdout)["members"] == 14
        assert left(cases) == set(CASES) - DUPLICATES

    @pytest.mark.parametrize("subsumed", [True, False])
    def test_subsumed_only_with_the_option(self, invoke: Invoke, cases: Path, subsumed: bool) -> None:
        Path("d.yaml").write_text(
            "test-set-0: {test-1: {a: [1]}, test-2: {a: [1, 2]}, test-3: {a: [1, 2]}, test-4: {a: []}, test-5: {},"
            " test-6: {a: [1]}}"
        )

        invoke("dedup", "--input", "d.yaml", "--rm", cases, "--yes", *(["--rm-subsumed"] if subsumed else []))

        assert set(CASES) - left(cases) == ({"test-3", "test-6"} | ({"test-1"} if subsumed else set()))

    def test_ids_without_a_file_are_reported(self, invoke: Invoke, cases: Path) -> None:
        (cases / "test-set-0" / "tests" / "test-3.yaml").unlink()

        result = invoke("dedup", "--input", DATA, "--rm", cases, "--yes")

        assert f"Warning: 'test-set-0/test-3' has no test case file in {cases}, left alone" in result.stderr
        assert result.stderr.endswith("Deleted 3 test case files.\n")

    @pytest.mark.parametrize(
        "outside",
        [
            "../victim",
            "../../tests/victim",
            "test-set-0/../../victim",
            "/victim",
            "linked/victim",
            "test-set-0/linked",
            "victim",
        ],
    )
    def test_nothing_outside_is_touched(self, invoke: Invoke, cases: Path, tmp_path: Path, outside: str) -> None:
        victims = [
            tmp_path / "tests" / "victim.yaml",
            tmp_path / "victim.yaml",
            tmp_path / "else" / "tests" / "victim.yaml",
        ]
        for victim in victims:
            victim.parent.mkdir(parents=True, exist_ok=True)
            victim.write_text("mine")
        (cases / "linked").symlink_to(tmp_path / "else")
        (cases / "test-set-0" / "tests" / "linked.yaml").symlink_to(tmp_path / "victim.yaml")
        Path("d.yaml").write_text(
            f"- {{id: a, executedLinesByFile: {{f: [1]}}}}\n- {{id: {outside}, executedLinesByFile: {{f: [1]}}}}\n"
        )
        before = files(tmp_path)

        for prefer in ("natural", "keploy"):
            result = invoke("dedup", "--input", "d.yaml", "--prefer", prefer, "--rm", cases, "--yes")
            assert "There is no test case file to delete." in result.stderr

        assert files(tmp_path) == before

    def test_link_to_the_same_case_does_not_delete_it(self, invoke: Invoke, cases: Path) -> None:
        (cases / "alias").symlink_to("test-set-0")
        Path("d.yaml").write_text("test-set-0: {test-1: {a: [1]}}\nalias: {test-1: {a: [1]}}\nzlias: {x: {}}\n")

        result = invoke("dedup", "--input", "d.yaml", "--rm", cases, "--yes")

        assert "Warning: 'alias/test-1', which would be kept for 'test-set-0/test-1', has no test case" in result.stderr
        assert left(cases) == set(CASES)

    def test_one_of_each_stays_whatever_is_preferred_later(self, invoke: Invoke, cases: Path) -> None:
        invoke("dedup", "--input", DATA, "--rm", cases, "--yes", "--prefer", "natural")
        before = left(cases)

        result = invoke("dedup", "--input", DATA, "--rm", cases, "--yes", "--prefer", "keploy")

        assert left(cases) == before
        assert "'test-set-0/test-10', which would be kept for 'test-set-0/test-9', has no test case" in result.stderr

    def test_superset_is_what_stays_for_a_subsumed_tests_duplicates(self, invoke: Invoke, cases: Path) -> None:
        Path("d.yaml").write_text("test-set-0: {test-1: {a: [1]}, test-2: {a: [1]}, test-3: {a: [1, 2]}}")
        (cases / "test-set-0" / "tests" / "test-1.yaml").unlink()

        invoke("dedup", "--input", "d.yaml", "--rm", cases, "--yes")
        assert {"test-2", "test-3"} <= left(cases)

        invoke("dedup", "--input", "d.yaml", "--rm", cases, "--yes", "--rm-subsumed")
        assert {"test-2", "test-3"} & left(cases) == {"test-3"}

    def test_no_such_folder(self, invoke: Invoke) -> None:
        result = invoke("dedup", "--input", DATA, "--rm", "nowhere", "--yes")

        assert result.status == 2
        assert result.stderr == "Error: --rm nowhere: no such folder: name the one that holds Keploy's test sets\n"

    def test_flags_of_rm_alone(self, invoke: Invoke) -> None:
        for flag in ("--yes", "--rm-subsumed"):
            result = invoke("dedup", "--input", DATA, flag)
            assert result.status == 2
            assert "are for --rm DIR" in result.stderr

    def test_a_file_that_cannot_be_deleted(self, invoke: Invoke, cases: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def refuse(path: Path) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "unlink", refuse)
        result = invoke("dedup", "--input", DATA, "--rm", cases, "--yes")

        assert result.status == 1
        assert "(Permission denied): 0 of 4 are deleted" in result.stderr.splitlines()[-1]
