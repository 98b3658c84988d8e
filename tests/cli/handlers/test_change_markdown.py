"""The coverage of a change for pull requests: Markdown as a renderer reads it, and GitHub's limits."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest

from flask_livecoverage.cli.handlers.change_markdown import annotate, comment
from flask_livecoverage.cli.handlers.change_rows import PatchAnswer
from flask_livecoverage.exports.github import MAX_ANNOTATIONS, MAX_COMMENT, MAX_SUMMARY
from flask_livecoverage.queries.line_hits import LineUsers
from flask_livecoverage.queries.patch import ChangedStatement, Patch, PatchedFile, Unjudged
from flask_livecoverage.sources.coveragepy import StatementAnalyser


def answer(
    *files: PatchedFile, unjudged: list[Unjudged] | None = None, unmeasured: list[str] | None = None
) -> PatchAnswer:
    patch = Patch(files, unjudged or [], unmeasured or [])
    return PatchAnswer(patch, "1" * 40, "since 1111111111 (main)", ["run"], StatementAnalyser())


def file(path: str, executed: list[int], missing: list[int], *tests: str) -> PatchedFile:
    statements = [ChangedStatement(line, True, users=LineUsers(tests)) for line in executed]
    statements += [ChangedStatement(line, False) for line in missing]
    return PatchedFile(path, sorted(statements, key=lambda one: one.line), [])


def rows_of(markdown: str) -> list[list[str]]:
    """The cells of all rows in tables, as a renderer shows them."""
    found = []
    for line in markdown.splitlines():
        if line.startswith("|") and not re.fullmatch(r"[| :-]+", line):
            cells = re.split(r"(?<!\\)\|", line)[1:-1]
            found.append([rendered(cell.strip()) for cell in cells])
    return found


def rendered(cell: str) -> str:
    if re.fullmatch("`.*`", cell):
        return cell[1:-1].replace(r"\|", "|")
    return re.sub(r"\\(.)", r"\1", unescape(cell))


class TestComment:
    def test_whole(self) -> None:
        found = comment(answer(file("app/shop.py", [2, 3], [5], "test_a"), unmeasured=["README.rst"]))
        assert (
            found
            == """\
### Coverage of the change: 67%

2 of 3 changed statements were executed (since 1111111111 (main)).

Not measured: README.rst.

| File | Statements | Missed | Cover | Missing |
| :-- | --: | --: | --: | :-- |
| `app/shop.py` | 3 | 1 | 67% | 5 |

<details><summary><code>app/shop.py</code>: 2 of 3</summary>

| Lines | Executed by |
| --: | :-- |
| 2-3 | test\\_a |
| 5 | not executed |

</details>
"""
        )

    def test_no_statements(self) -> None:
        found = comment(answer())
        assert found == "### Coverage of the change\n\nNo measured statement has changed since 1111111111 (main)."

    def test_unjudged_files_are_named(self) -> None:
        found = comment(answer(unjudged=[Unjudged(f"{number}.py", "has changed", number) for number in range(1, 25)]))
        assert ":warning: 1.py has changed: 1 changed statement cannot be judged." in found
        assert ":warning: 2.py has changed: 2 changed statements cannot be judged." in found
        assert ":warning: 4 more files cannot be judged." in found
        assert "No changed statement can be judged since 1111111111 (main)." in found

    def test_one_more_file_that_cannot_be_judged(self) -> None:
        found = comment(answer(unjudged=[Unjudged(f"{number}.py", "has changed") for number in range(21)]))
        assert ":warning: 0.py has changed: its changes cannot be judged." in found
        assert ":warning: 1 more file cannot be judged." in found

    def test_further_lines_alone(self) -> None:
        """The statement has changed, but is not counted."""
        found = comment(answer(PatchedFile("a.py", [], [ChangedStatement(4, False)])))
        assert "No measured statement has changed in its first line since 1111111111 (main)." in found
        assert rows_of(found)[-1] == ["4", "further line, not counted: not executed"]

    @pytest.mark.parametrize("name", ["a|b", "_x_", "<b>", "`x`", "a\\", "new\nline", "[x](y)", "#1", "\x1b[31m", "*"])
    def test_names(self, name: str) -> None:
        shown = repr(name)[1:-1] if not name.isprintable() else name
        found = comment(answer(file(name, [1], [2], name)))
        rows = rows_of(found)
        assert rows[1] == [shown, "2", "1", "50%", "2"]
        assert rows[3:] == [["1", shown], ["2", "not executed"]]
        (title,) = re.findall("<summary><code>(.*)</code>: 1 of 2</summary>", found)
        assert unescape(title) == shown

    @pytest.mark.parametrize("count", [300, 1000, 5000])
    def test_fits_into_a_comment(self, count: int) -> None:
        """It is cut between blocks and rows, and whatever was left out is counted."""
        files = [
            file(f"folder/file_{number:04}.py", [1, 5], [3], *[f"test_{'x' * 60}_{n}" for n in range(5)])
            for number in range(count)
        ]
        found = comment(answer(*files))
        assert len(found) <= MAX_COMMENT
        assert found.count("<details>") == found.count("</details>") < count
        rows = [row for row in rows_of(found) if row[0].startswith("folder/")]
        (left_out,) = re.findall(r"Too long for a comment: (.*) are left out\.", found)
        expected = {"rows": count - len(rows), "lists": count - found.count("<details>")}
        parts = [f"the {kind} of {number:,} files" for kind, number in expected.items() if number]
        assert left_out == " and ".join(parts)
        assert len(rows) == count or count > 300

    def test_very_long_names(self) -> None:
        files = [file("x" * 3000, [1], [2], *["y" * 1000] * 9) for _ in range(30)]
        assert len(comment(answer(*files, unmeasured=["z" * 3000] * 40))) <= MAX_COMMENT


class TestGitHub:
    def test_annotations(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        found = answer(file("a,b.py", [4], [1, 3, 6, 7, 8]), unjudged=[Unjudged("c.py", "has changed", 1)])
        assert annotate(found) == [
            "::warning file=c.py::c.py has changed: 1 changed statement cannot be judged",
            "::warning file=a%2Cb.py,line=6,endLine=8,title=Not covered::These 3 changed statements were not executed.",
            "::warning file=a%2Cb.py,line=1,endLine=3,title=Not covered::These 2 changed statements were not executed.",
            "1 of 6 changed statements were executed.",
        ]
        assert (tmp_path / "summary.md").read_text().rstrip("\n") == comment(found).rstrip("\n")

    def test_full_summary(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "summary.md").write_bytes(b"x" * MAX_SUMMARY)
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
        last = "1 of 1 changed statement was executed. The step's summary has no room for the details."
        assert annotate(answer(file("a.py", [1], []))) == [last]

    def test_single_statement(self) -> None:
        assert annotate(answer(file("a.py", [1], [2])))[0].endswith("::This changed statement was not executed.")

    def test_limit(self) -> None:
        files = [file(f"{number}.py", [], [1]) for number in range(30)]
        found = annotate(answer(*files))
        assert sum(command.startswith("::warning") for command in found) == MAX_ANNOTATIONS
        assert found[-2] == "::notice::20 more of these are not shown: GitHub shows 10 for each step"
