"""``patch`` on the command line: text, JSON, the gate, and whatever can be wrong.

Tests ``cli.changes`` and ``cli.handlers.change_rows``.
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from flask_livecoverage.model.contents import hash_of

from ...support.journals import Writer, run_folder, trace_of
from ...support.processes import Ask, Invoke
from ...support.repositories import GitFolder

BEFORE = """\
def total(prices):
    return sum(prices)


def shown(prices):
    return str(total(prices))
"""
AFTER = """\
def total(prices):
    if not prices:
        return 0
    result = sum(
        prices,
    )
    return result


def shown(prices):
    return "no" if not prices else str(total(prices))
"""
NOW = 1_700_000_000.0


def record(name: str = "run", *, tests: dict[str | None, list[int]] | None = None) -> Writer:
    """Record requests of some tests, which executed these lines of shop.py as it is now."""
    path = Path("shop.py").resolve()
    writer = Writer(run_folder(name), "1a", pid=2**22 + 1, root=os.getcwd())
    for number, (test, lines) in enumerate(({"test_empty": [2, 3]} if tests is None else tests).items()):
        trace = trace_of({str(path): lines}, content=hash_of(path.read_bytes()))
        writer.request(trace, NOW + number, test=test)
    return writer


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GitFolder:
    """The application's repository, in which a branch has changed shop.py."""
    folder = GitFolder(tmp_path / "code")
    monkeypatch.chdir(folder.path)
    folder.commit({"shop.py": BEFORE, "README.rst": "Shop\n", ".gitignore": ".livecov\n.coveragerc\n"})
    folder.git("checkout", "--quiet", "-b", "feature")
    folder.commit({"shop.py": AFTER, "README.rst": "The shop\n"})
    return folder


@pytest.fixture
def recorded(repository: GitFolder) -> GitFolder:
    record(tests={"test_empty": [2, 3], "test_one": [2, 4, 7], "test_two": [2, 5, 7], None: [11]})
    return repository


class TestAnswer:
    def test_text(self, recorded: GitFolder, invoke: Invoke) -> None:
        base = recorded.git("rev-parse", "main")
        assert (
            invoke("patch").stdout
            == f"""\
Changed statements since {base[:10]} (main); run run.

File       Statements    Missed    Cover  Missing
-------  ------------  --------  -------  ---------
shop.py             5         0     100%

shop.py
   2    test_empty, test_one, test_two
   3    test_empty
   4-7  test_one, test_two
   11   requests of no test

Not measured: README.rst.
"""
        )

    def test_missing_statements(self, repository: GitFolder, invoke: Invoke) -> None:
        repository.write({"shop.py": f"{AFTER}\n\nx = 1\n"})
        record(tests={f"tests/test_shop.py::test_{number}": [2, 7] for number in range(9)})
        shown = invoke("patch", "--base", "HEAD~1").stdout.splitlines()
        assert shown[4].split() == ["shop.py", "6", "4", "33%", "3-4,", "11-14"]
        assert [line.split(maxsplit=1) for line in shown[7:11]] == [
            ["2", f"tests/test_shop.py::test_0{''.join(f', ::test_{number}' for number in range(1, 6))} and 3 more"],
            ["3-4", "not executed"],
            ["7", shown[7].split(maxsplit=1)[1]],
            ["11-14", "not executed"],
        ]

    def test_json(self, recorded: GitFolder, ask: Ask) -> None:
        base = recorded.git("rev-parse", "main")
        assert ask("patch") == {
            "base": base,
            "runs": ["run"],
            "statements": 5,
            "covered": 5,
            "percent": 100.0,
            "files": {
                "shop.py": {
                    "old_path": None,
                    "executed_lines": [2, 3, 4, 7, 11],
                    "missing_lines": [],
                    "moved_lines": [],
                    "continued_lines": [],
                    "tests": {
                        "2": ["test_empty", "test_one", "test_two"],
                        "3": ["test_empty"],
                        "4": ["test_one", "test_two"],
                        "7": ["test_one", "test_two"],
                        "11": [],
                    },
                }
            },
            "unjudged": [],
            "unmeasured": ["README.rst"],
        }

    @pytest.mark.parametrize("source", ["file", "-"])
    def test_diff(self, recorded: GitFolder, invoke: Invoke, monkeypatch: pytest.MonkeyPatch, source: str) -> None:
        diff = recorded.git("diff", "main").encode() + b"\n"
        name = "../change.diff" if source == "file" else "standard input"
        Path("../change.diff").write_bytes(diff)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(diff)))
        shown = invoke("patch", "--diff", name if source == "file" else "-")
        assert shown.stdout.splitlines()[0] == f"Changed statements in {name}; run run."
        assert shown.stdout.split("\n", 1)[1] == invoke("patch").stdout.split("\n", 1)[1]

    def test_diff_without_a_repository(self, recorded: GitFolder, invoke: Invoke, ask: Ask) -> None:
        Path("change.diff").write_text(recorded.git("diff", "main") + "\n")
        (recorded.path / ".git").rename(recorded.path / "gone")
        answer = ask("patch", "--diff", "change.diff")
        assert (answer["base"], answer["statements"]) == (None, 5)
        result = invoke("patch")
        assert (result.status, len(result.errors)) == (2, 1)

    def test_moved_and_renamed(self, repository: GitFolder, invoke: Invoke) -> None:
        first, second = BEFORE.split("\n\n\n")
        repository.git("checkout", "--quiet", "--force", "main")
        repository.write({"shop.py": f"{second}\n\n{first}\nx = 1\n"})
        record(tests={"test": [2, 6]})
        text = invoke("patch", "--base", "HEAD").stdout
        assert "moved: test" in text
        repository.git("mv", "shop.py", "store.py")
        assert "store.py is newer" not in invoke("patch", "--base", "HEAD").stderr

    def test_newest_run_with_tests(self, recorded: GitFolder, ask: Ask) -> None:
        later = record("later", tests={None: [2]})
        later.folder.path.joinpath("journal-1a.jsonl").touch()
        assert ask("patch")["runs"] == ["run"]
        assert ask("patch", "--run", "later")["runs"] == ["later"]
        assert ask("patch", "--run", "all")["runs"] == ["later", "run"] or ask("patch", "--run", "all")["covered"] == 5


class TestNothing:
    def test_has_changed(self, recorded: GitFolder, invoke: Invoke, ask: Ask) -> None:
        head = recorded.git("rev-parse", "HEAD")
        result = invoke("patch", "--base", head, "--minimum", "100")
        assert (result.status, result.stderr) == (0, "")
        assert result.stdout == f"No measured statement has changed since {head[:10]}.\n"
        answer = ask("patch", "--base", "HEAD")
        assert (answer["statements"], answer["percent"], answer["files"]) == (0, 100.0, {})

    def test_is_measured(self, recorded: GitFolder, invoke: Invoke) -> None:
        recorded.write({"notes.txt": "x\n", "tests/test_shop.py": "x = 1\n"})
        shown = invoke("patch", "--base", "HEAD").stdout.splitlines()
        assert shown[0].startswith("No measured statement has changed since ")
        assert shown[-1] == "Not measured: tests/test_shop.py, notes.txt."

    def test_in_the_diff(self, recorded: GitFolder, invoke: Invoke) -> None:
        Path("empty.diff").write_text("\n")
        result = invoke("patch", "--diff", "empty.diff")
        assert (result.status, result.stdout) == (0, "No measured statement has changed in empty.diff.\n")


class TestMinimum:
    @pytest.mark.parametrize(("minimum", "status"), [("0", 0), ("60", 0), ("60.1", 2), ("100", 2)])
    def test_of_five_statements(self, repository: GitFolder, invoke: Invoke, minimum: str, status: int) -> None:
        record(tests={"test": [2, 3, 4]})
        result = invoke("patch", "--minimum", minimum)
        failure = f"Coverage failure: 60% of the changed statements is less than --minimum {minimum}\n"
        assert (result.status, result.stderr) == (status, failure if status else "")

    def test_rounding_hides_nothing(self, repository: GitFolder, invoke: Invoke) -> None:
        repository.write({"shop.py": "x = 1\n" * 1000})
        record(tests={"test": list(range(1, 1000))})
        result = invoke("patch", "--minimum", "100")
        assert result.status == 2
        assert "99% of the changed statements is less than --minimum 100" in result.stderr

    def test_precision(self, repository: GitFolder, invoke: Invoke) -> None:
        """As for ``fail_under``, the user's configuration decides how exactly both are compared."""
        repository.write({"shop.py": "x = 1\n" * 1000})
        record(tests={"test": list(range(1, 897))})
        assert invoke("patch", "--minimum", "90").status == 0
        Path(".coveragerc").write_text("[report]\nprecision = 1\n")
        result = invoke("patch", "--minimum", "90")
        assert result.status == 2
        assert "89.6% of the changed statements is less than --minimum 90" in result.stderr

    def test_unjudged_files(self, recorded: GitFolder, invoke: Invoke) -> None:
        """A gate that cannot see all of the change is not met."""
        recorded.write({"shop.py": f"{AFTER}\n\nx = 1\n"})
        record("other", tests={"test": [2]})
        recorded.write({"shop.py": f"{AFTER}\n\ny = 1\n"})
        result = invoke("patch", "--minimum", "1", "--run", "other")
        assert result.status == 2
        assert result.stderr.splitlines() == [
            "Warning: shop.py has changed since it was recorded: 6 changed statements cannot be judged",
            "Coverage failure: not all of the change can be judged against --minimum 1: record the suite again",
        ]

    def test_next_step(self, recorded: GitFolder, invoke: Invoke) -> None:
        """Where the diff is not that of the files, a newer record does not help."""
        Path("../change.diff").write_text("--- a/shop.py\n+++ b/shop.py\n@@ -90,0 +91,1 @@\n+y = 1\n")
        result = invoke("patch", "--diff", "../change.diff", "--minimum", "1")
        assert result.status == 2
        assert result.stdout == "No changed statement can be judged in ../change.diff.\n"
        assert result.stderr.splitlines() == [
            "Warning: shop.py does not have the lines that the diff shows: its changes cannot be judged",
            "Coverage failure: not all of the change can be judged against --minimum 1: see the reasons above",
        ]

    def test_broken_file_hides_no_other(self, recorded: GitFolder, invoke: Invoke) -> None:
        recorded.write({"broken.py": "x = 1\n"})
        record("other", tests={"test": [2, 3, 4, 7, 11]}).line("sources", files=[str(Path("broken.py").resolve())])
        recorded.write({"broken.py": "def (\n"})
        result = invoke("patch", "--run", "other", "--minimum", "1")
        assert result.status == 2
        assert "shop.py             5         0     100%" in result.stdout
        assert result.stderr.splitlines() == [
            "Warning: broken.py cannot be parsed ('invalid syntax' at line 1): its changes cannot be judged",
            "Coverage failure: not all of the change can be judged against --minimum 1: see the reasons above",
        ]


class TestWrongUse:
    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["--base", "none"], "Error: 'none' is no commit, branch or tag in "),
            (["--base", "--all"], "Error: '--all' is no commit, branch or tag in "),
            (
                ["--diff", "none.diff"],
                "Error: --diff none.diff cannot be read (No such file or directory): name a file",
            ),
            (["--diff", "."], "Error: --diff . cannot be read (Is a directory)"),
            (["--diff", "README.rst"], "Error: README.rst is no unified diff, there is no hunk in it: make one with"),
            (["--run", "empty"], "Error: run empty has no requests, so nothing of the change was tested: record with"),
        ],
    )
    def test_is_one_line(self, recorded: GitFolder, invoke: Invoke, arguments: list[str], message: str) -> None:
        record("empty", tests={})
        result = invoke("patch", *arguments)
        assert result.status == 2
        assert result.stdout == ""
        (line,) = result.stderr.splitlines()
        assert line.startswith(message)

    @pytest.mark.parametrize("command", ["patch", "affected"])
    @pytest.mark.parametrize("name", ["../other/file.py", "/srv/file.py"])
    def test_deletes_a_file_outside(self, recorded: GitFolder, invoke: Invoke, command: str, name: str) -> None:
        Path("../change.diff").write_text(f"--- {name}\n+++ /dev/null\n@@ -1 +0,0 @@\n-x = 1\n")
        result = invoke(command, "--diff", "../change.diff")
        assert (result.status, result.stdout) == (2, "")
        assert result.stderr == (
            f"Error: the diff changes {name}, outside of {Path.cwd()}: run this in the folder to which its paths are "
            "relative\n"
        )

    def test_two_changes(self, recorded: GitFolder, invoke: Invoke) -> None:
        result = invoke("patch", "--base", "main", "--diff", "-")
        assert result.status == 2
        assert result.errors[-1] == "Error: --base and --diff name two changes: use one of them."

    def test_no_repository(self, repository: GitFolder, invoke: Invoke, tmp_path: Path) -> None:
        record()
        os.rename(".git", tmp_path / "elsewhere")
        result = invoke("patch")
        assert result.status == 2
        assert "is in no git repository: run this in the application's repository" in result.stderr

    def test_nothing_recorded(self, repository: GitFolder, invoke: Invoke) -> None:
        result = invoke("patch")
        assert result.status == 1
        assert result.errors[0].startswith("Error: nothing is recorded in .livecov")
