"""A run that the previous version recorded: journals alone, without commit, outcomes, imports and contents.

The commands that decide read it as far as it goes, and name what it lacks.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace

from ..support.journals import Writer, run_folder
from ..support.processes import Ask, Invoke
from ..support.repositories import GitFolder

NOW = 1_700_000_000.0
SHOP = "def total():\n    return 1\n\n\ndef empty():\n    return 0\n"


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitFolder:
    code = GitFolder(tmp_path / "code")
    code.commit({"shop.py": SHOP, ".gitignore": ".coverage\n"})
    monkeypatch.chdir(code.path)
    record(code, "old-1", {"test_total": [2], "test_empty": [6]})
    return code


def record(code: GitFolder, name: str, tests: dict[str, list[int]], started_at: float = NOW, shifted: int = 0) -> None:
    """Write the lines that the previous version wrote, and no others; the file begins with ``shifted`` comments."""
    path = code.path / "shop.py"

    def trace(lines: list[int]) -> Trace:
        return Trace.of({str(path): FileLines(hash_of(path.read_bytes()), to_bitmap(lines))})

    writer = Writer(run_folder(name), "1a", pid=2**22 + 1, root=str(code.path), started_at=started_at)
    writer.line("sources", files=[str(path)])
    writer.line("ambient", trace=writer.trace(trace([1 + shifted, 5 + shifted])))
    for number, (test, lines) in enumerate(tests.items()):
        writer.request(trace(lines), started_at + number, test=test)
    writer.line("rules", rules=[])


def test_runs_and_prune(repository: GitFolder, ask: Ask, invoke: Invoke) -> None:
    (found,) = ask("runs")
    assert (found["tests"], found["percent"], found["commit"], found["command"]) == (2, 100, None, None)
    assert invoke("prune", "--keep", "0", "--yes").stdout.endswith("Removed 1 run.\n")


def test_tests(repository: GitFolder, ask: Ask) -> None:
    assert [(one["test"], one["outcome"]) for one in ask("tests")["tests"]] == [
        ("test_empty", None), ("test_total", None),
    ]  # fmt: skip


def test_affected(repository: GitFolder, ask: Ask, invoke: Invoke) -> None:
    # What has changed since is not known, as the run has no commit.
    refused = invoke("affected")
    assert refused.status == 2
    assert "have no git commit" in refused.stderr
    assert "--run ID" in refused.stderr
    repository.write({"shop.py": SHOP.replace("return 1", "return 2")})
    result = invoke("affected", "--run", "old-1", "--format", "json")
    assert result.status == 0
    assert "only measured files were compared" in result.stderr
    found = json.loads(result.stdout)
    assert ([one["name"] for one in found["tests"]], found["unaffected"]) == (["test_total"], 1)


def test_affected_by_a_diff(repository: GitFolder, invoke: Invoke) -> None:
    repository.write({"shop.py": SHOP.replace("return 1", "return 2")})
    Path("change.diff").write_text(repository.git("diff") + "\n")
    repository.git("checkout", "--quiet", "shop.py")
    result = invoke("affected", "--diff", "change.diff", "--format", "names")
    assert (result.status, result.stdout) == (0, "test_total\n")


def test_wrong_use(repository: GitFolder, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for arguments in (("patch", "--minimum", "nan"), ("report", "--fail-under", "nan")):
        refused = invoke(*arguments)
        assert refused.status == 2
        assert "'nan' is not a number of percent" in refused.stderr
    monkeypatch.setenv("LIVECOVERAGE_AFFECTED_IGNORE", "!")
    refused = invoke("affected", "--run", "old-1")
    assert refused.status == 2
    assert refused.stderr.startswith("Error: LIVECOVERAGE_AFFECTED_IGNORE: ")
    refused = invoke("affected", "--data-dir", str(tmp_path / "none"))
    assert "nothing is recorded in" in refused.stderr
    assert not (tmp_path / "none").exists()


def test_patch(repository: GitFolder, ask: Ask) -> None:
    first = repository.git("rev-parse", "HEAD")
    repository.commit({"shop.py": SHOP.replace("return 1", "return 2")})
    record(repository, "old-2", {"test_total": [2]}, NOW + 60)
    found = ask("patch", "--base", first)
    assert (found["statements"], found["covered"]) == (1, 1)
    assert found["files"]["shop.py"]["tests"] == {"2": ["test_total"]}


def test_compare(repository: GitFolder, ask: Ask, invoke: Invoke) -> None:
    record(repository, "old-2", {"test_total": [2]}, NOW + 60)
    found = ask("compare", "old-1", "old-2")
    assert found["files"]["shop.py"]["lost_lines"] == [6]
    assert found["tests"] == {"added": [], "removed": ["test_empty"], "changed": {}}
    assert invoke("compare", "old-1", "old-2", "--fail-on-decrease").status == 2
    assert invoke("baseline").status == 0
    assert ask("compare", "livecov-baseline.json", "old-1")["files"]["shop.py"]["gained_lines"] == [6]


def test_compare_after_an_edit(repository: GitFolder, ask: Ask) -> None:
    """The former content is found in git, although the file was edited before the run was first read."""
    repository.write({"shop.py": "# New.\n" + SHOP})
    record(repository, "old-2", {"test_total": [3]}, NOW + 60, shifted=1)
    assert ask("compare", "old-1", "old-2")["files"]["shop.py"]["lost_lines"] == [6]


def test_compare_after_two_edits(repository: GitFolder, invoke: Invoke) -> None:
    """The content in between is lost, so the file is named."""
    repository.write({"shop.py": "# New.\n" + SHOP})
    record(repository, "old-2", {"test_total": [3]}, NOW + 60, shifted=1)
    repository.write({"shop.py": "# Newer.\n" + SHOP})
    result = invoke("compare", "old-1", "old-2")
    assert result.status == 0
    assert "shop.py" in result.stdout + result.stderr
    assert invoke("compare", "old-1", "old-2", "--fail-on-decrease").status == 2
