"""``livecov compare`` and ``baseline``: what they print and write, the gate, and what they refuse.

Tests ``cli.comparing``, ``cli.handlers.comparing`` and ``cli.handlers.comparison_text``.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from flask_livecoverage.exports.github import MAX_COMMENT
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.sources.content import content_hash

from ...support.journals import Writer, run_folder
from ...support.lines import line_of
from ...support.processes import Ask, Invoke
from ...support.repositories import GitFolder

APP = """\
def total(prices):
    result = sum_of_all(prices)
    if result > 100:
        result = with_discount(result)
    return result


def name_of(article):
    name = find_name(article)
    return name.capitalize()
"""
EVERYTHING = [
    "def total",
    "result = sum",
    "if result",
    "with_discount",
    "return result",
    "def name",
    "find_",
    "return n",
]
FEWER = EVERYTHING[:3] + EVERYTHING[4:]

Record = Callable[..., None]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    """Records a run in which lines of ``app.py`` were executed, given by texts in them."""

    def record(run: str, texts: Iterable[str], *, test: str = "test_all", path: str = "app.py") -> None:
        lines = [line_of(tmp_path / path, text) for text in texts]
        number = len(list(Path().glob(".livecov/runs/*")))
        writer = Writer(run_folder(run), f"{number:08x}", root=str(tmp_path), started_at=1.7e9 + number)
        file = FileLines(content_hash(path), to_bitmap(lines))
        writer.request(Trace.of({str(tmp_path / path): file}), 1.7e9 + number, test=test, route=f"/{test}")

    return record


@pytest.fixture
def answer(invoke: Invoke) -> Ask:
    """The answer of ``compare`` in JSON."""
    return lambda *sides: json.loads(invoke("compare", *sides, "--format", "json").stdout)


@pytest.fixture
def runs(record: Record) -> None:
    """A run that executed everything, and a later one that did not execute one line."""
    Path("app.py").write_text(APP)
    record("first", EVERYTHING)
    record("second", FEWER, test="test_few")


class TestNothingRecorded:
    """The same line for all commands, and the status of a fault, as docs/cli.rst says."""

    @pytest.mark.parametrize("command", ["runs", "affected", "patch", "compare latest latest", "baseline", "report"])
    @pytest.mark.parametrize("folder", [".livecov", ".livecov/runs", ".livecov/runs/empty"])
    def test_one_line(self, invoke: Invoke, command: str, folder: str) -> None:
        GitFolder(Path()).commit({"app.py": "x = 1\n", ".gitignore": ".livecov\n"})
        if folder != ".livecov":
            Path(folder).mkdir(parents=True)
        result = invoke(*command.split())
        assert (result.status, result.stdout) == (1, "")
        assert result.stderr == (
            "Error: nothing is recorded in .livecov: record with `flask --app APP livecov run -- COMMAND`, or name the "
            "folder with --data-dir\n"
        )


@pytest.mark.usefixtures("runs")
class TestCompare:
    def test_json(self, answer: Ask) -> None:
        assert answer("first", "latest") == {
            "before": "first",
            "after": "second",
            "percent_before": 100.0,
            "percent_after": 87.5,
            "statements_before": 8,
            "statements_after": 8,
            "covered_before": 8,
            "covered_after": 7,
            "files": {
                "app.py": {
                    "lost_lines": [4],
                    "gained_lines": [],
                    "lost_lines_now": [4],
                    "percent_before": 100.0,
                    "percent_after": 87.5,
                    "path_before": "app.py",
                }
            },
            "decreased": {"total": True, "files": ["app.py"]},
            "unknown": {},
            "tests": {"added": ["test_few"], "removed": ["test_all"], "changed": {}},
            "routes": {"added": ["GET /test_few"], "removed": ["GET /test_all"]},
        }
        gained = answer("second", "first")
        assert gained["files"]["app.py"]["gained_lines"] == [4]
        assert gained["decreased"] == {"total": False, "files": []}

    def test_text(self, invoke: Invoke) -> None:
        result = invoke("compare", "first", "sec")
        assert (result.status, result.stderr) == (0, "")
        rows = list(map(str.split, result.stdout.splitlines()))
        assert ["Before", "first", "100%", "8", "of", "8"] in rows
        assert ["app.py", "100%", "88%", "4"] in rows
        assert "1 line lost, 0 lines gained." in result.stdout
        assert "Tests removed: test_all\n" in result.stdout
        assert "Routes added: GET /test_few\n" in result.stdout

    def test_markdown(self, invoke: Invoke) -> None:
        lines = invoke("compare", "first", "second", "--format", "markdown").stdout.splitlines()
        assert lines[0] == "### Coverage 100% → 88%"
        assert "1 line lost, 0 lines gained. `second` compared with `first`." in lines
        assert re.fullmatch(r"\| `app.py` +\| +100% \| +88% \| 4 +\| +\|", next(x for x in lines if "app.py" in x))
        assert "<details><summary>1 test removed</summary>" in lines
        assert "- `test_all`" in lines

    def test_outcomes(self, invoke: Invoke, answer: Ask) -> None:
        """Tests that made no request are tests, too."""
        outcomes = {
            "first": {"gone": "passed", "[b]": "passed", "c": "failed"},
            "second": {"[b]": "failed", "c": "failed"},
        }
        for run, tests in outcomes.items():
            for test, outcome in tests.items():
                append_outcome(run_folder(run), Outcome(test, outcome, 1.0, 1.7e9))
        found = answer("first", "second")["tests"]
        assert found == {
            "added": ["test_few"],
            "removed": ["gone", "test_all"],
            "changed": {"[b]": {"before": "passed", "after": "failed"}},
        }
        assert "Tests with another outcome: [b] (passed → failed)\n" in invoke("compare", "first", "second").stdout
        markdown = invoke("compare", "first", "second", "--format", "markdown").stdout
        assert "<summary>1 test with another outcome</summary>\n\n- `[b]` (passed → failed)\n" in markdown

    def test_same_run(self, invoke: Invoke) -> None:
        result = invoke("compare", "first", "first", "--fail-on-decrease")
        assert (result.status, result.stderr) == (0, "")
        assert "0 lines lost" in result.stdout
        assert "app.py" not in result.stdout

    def test_all_runs_together(self, answer: Ask) -> None:
        together = answer("second", "all")
        assert (together["after"], together["files"]["app.py"]["gained_lines"]) == ("2 runs", [4])


@pytest.mark.usefixtures("runs")
class TestBaseline:
    def test_is_the_same_from_equal_coverage(self, invoke: Invoke, record: Record) -> None:
        result = invoke("baseline", "--run", "first")
        assert (result.status, result.stdout) == (0, "Wrote baseline of first to livecov-baseline.json\n")
        record("third", EVERYTHING, test="another")
        invoke("baseline", "--output", "again.json")
        text = Path("livecov-baseline.json").read_text()
        assert Path("again.json").read_text() == text
        assert invoke("baseline", "--output", "-").stdout == text
        assert len(text.splitlines()) == 6

    @pytest.mark.parametrize("edit", ["", "import os\n\n\n", "# -*- coding: utf-8 -*-\n"])
    def test_stands_for_its_run(self, answer: Ask, invoke: Invoke, record: Record, edit: str) -> None:
        """Also if the file has changed, although a baseline contains no line of it."""
        invoke("baseline", "--run", "first")
        Path("app.py").write_text(f"{edit}{textwrap.indent(APP, '    ' if not edit else '')}".replace("    def", "def"))
        if edit:
            record("third", FEWER)
        found = answer("livecov-baseline.json", "latest")
        assert found["files"]["app.py"]["lost_lines"] == [4]
        assert (found["before"], found["tests"], found["routes"]) == ("livecov-baseline.json", None, None)
        assert found["decreased"]["files"] == ["app.py"]

    def test_is_compared_with_another(self, answer: Ask, invoke: Invoke) -> None:
        for run in ("first", "second"):
            invoke("baseline", "--run", run, "--output", f"{run}.json")
        found = answer("./second.json", "first.json")
        assert found["files"]["app.py"]["gained_lines"] == [4]

    def test_changes_in_one_line_for_each_file(self, invoke: Invoke) -> None:
        for run in ("first", "second"):
            invoke("baseline", "--run", run, "--output", f"{run}.json")
        first, second = (Path(f"{run}.json").read_text().splitlines() for run in ("first", "second"))
        ((before, after),) = [(one, other) for one, other in zip(first, second, strict=True) if one != other]
        assert after == before.replace('"missing": ""', '"missing": "4"')


def test_moved_lines_are_found_again_in_a_renamed_file(answer: Ask, invoke: Invoke, record: Record) -> None:
    Path("app.py").write_text(APP)
    record("first", EVERYTHING)
    invoke("baseline", "--output", "baseline.json")
    total, name_of = APP.split("\n\n\n")
    Path("app.py").unlink()
    Path("shop.py").write_text(f"import os\n\n\n{name_of}\n\n{total}\n")
    record("second", ["import os", *FEWER], path="shop.py")

    found = answer("baseline.json", "second")

    assert found["files"] == {
        "shop.py": {
            "lost_lines": [4],
            "gained_lines": [],
            "lost_lines_now": [12],
            "percent_before": 100.0,
            "percent_after": 100 * 8 / 9,
            "path_before": "app.py",
        }
    }
    text = invoke("compare", "baseline.json", "second").stdout
    assert ["app.py", "→", "shop.py", "100%", "89%", "4", "(now", "12)"] in map(str.split, text.splitlines())


class TestGate:
    @pytest.mark.usefixtures("runs")
    def test_one_line_and_status_2(self, invoke: Invoke) -> None:
        result = invoke("compare", "first", "second", "--fail-on-decrease")
        assert result.status == 2
        assert result.stderr == "Coverage has decreased: in all 100% → 88%, app.py 100% → 88%\n"
        assert "1 line lost" in result.stdout
        assert invoke("compare", "second", "first", "--fail-on-decrease").status == 0

    def test_one_file_is_enough(self, invoke: Invoke, record: Record) -> None:
        Path("app.py").write_text(APP)
        Path("other.py").write_text("".join(f"value_{number} = {number}\n" for number in range(100)))
        for run, texts, lines in (("first", EVERYTHING, 50), ("second", FEWER, 90)):
            record(run, texts)
            others = Writer(run_folder(run), f"{lines:08x}", root=str(Path.cwd()), started_at=1.8e9)
            file = FileLines(content_hash("other.py"), to_bitmap(range(1, lines + 1)))
            others.request(Trace.of({str(Path.cwd() / "other.py"): file}), 1.8e9)
        result = invoke("compare", "first", "second", "--fail-on-decrease")
        assert (result.status, result.stderr) == (2, "Coverage has decreased: app.py 100% → 88%\n")

    def test_rounding_hides_nothing(self, invoke: Invoke, tmp_path: Path) -> None:
        Path("app.py").write_text("".join(f"value_{number} = {number}\n" for number in range(5000)))
        for number, (run, last) in enumerate([("first", 2501), ("second", 2500)]):
            writer = Writer(run_folder(run), f"{number:08x}", root=str(tmp_path), started_at=1.7e9 + number)
            file = FileLines(content_hash("app.py"), to_bitmap(range(1, last)))
            writer.request(Trace.of({str(tmp_path / "app.py"): file}), 1.7e9)
        result = invoke("compare", "first", "second", "--fail-on-decrease")
        assert result.status == 2
        assert result.stderr == "Coverage has decreased: in all 50.00% → 49.98%, app.py 50.00% → 49.98%\n"

    def test_deleted_lines_are_no_decrease(self, invoke: Invoke, record: Record) -> None:
        Path("app.py").write_text(APP)
        record("first", FEWER)
        invoke("baseline")
        Path("app.py").write_text(APP.split("\n\n\n")[0])
        record("second", ["def total", "result = sum", "if result", "return result"])
        result = invoke("compare", "livecov-baseline.json", "latest", "--fail-on-decrease")
        assert (result.status, result.stderr) == (0, "")
        assert "88%" in result.stdout
        assert "80%" in result.stdout

    @pytest.mark.usefixtures("runs")
    def test_what_cannot_be_compared_fails(self, invoke: Invoke, record: Record) -> None:
        Path("app.py").write_text(f"import os\n{APP}")
        record("third", EVERYTHING)
        result = invoke("compare", "first", "third", "--fail-on-decrease")
        assert result.status == 2
        assert result.stderr.splitlines() == [
            "Warning: app.py cannot be compared: its content was not kept: it was edited before the run was first "
            "reported on (first)",
            "Coverage may have decreased: app.py cannot be compared",
        ]
        assert invoke("compare", "first", "third").status == 0


class TestRefused:
    @pytest.mark.parametrize(
        ("sides", "status", "message"),
        [
            (
                ("none.json", "latest"),
                2,
                "there is no file none.json: write it with `livecov baseline --output none.json`",
            ),
            (("first", "../none"), 2, "there is no file ../none"),
            (("none", "first"), 1, "no run 'none' in .livecov: choose latest, all or one of second, first"),
            (("app.py", "first"), 2, "app.py is no baseline that can be read (Expecting value"),
        ],
    )
    @pytest.mark.usefixtures("runs")
    def test_names(self, invoke: Invoke, sides: tuple[str, str], status: int, message: str) -> None:
        result = invoke("compare", *sides)
        assert (result.status, result.stdout, len(result.stderr.splitlines())) == (status, "", 1)
        assert result.stderr.startswith(f"Error: {message}")

    def test_nothing_recorded(self, invoke: Invoke) -> None:
        for arguments in (["compare", "latest", "latest"], ["baseline"]):
            result = invoke(*arguments)
            assert (result.status, result.errors) == (1, result.stderr.splitlines())
            assert "nothing is recorded" in result.stderr

    def test_no_file_measured(self, invoke: Invoke) -> None:
        Writer(run_folder(), "1a").request(Trace.of({}), 1.0)
        result = invoke("baseline")
        assert (result.status, result.stderr) == (2, "Error: no file was measured: record again with `livecov run`\n")
        assert not Path("livecov-baseline.json").exists()

    @pytest.mark.usefixtures("runs")
    def test_output_that_cannot_be_written(self, invoke: Invoke) -> None:
        Path("folder").mkdir()
        result = invoke("baseline", "--output", "folder")
        assert (result.status, len(result.errors)) == (1, 1)


def test_markdown_is_short_enough_for_a_comment(invoke: Invoke, tmp_path: Path) -> None:
    """GitHub refuses more than 65,536 characters. Names are those that clients chose."""
    sources = {tmp_path / f"{'long' * 30}_{number}.py": f"x = {number}\n" * 1000 for number in range(60)}
    for path, text in sources.items():
        path.write_text(text)
    for number, (run, first) in enumerate([("first", 1), ("second", 2)]):
        writer = Writer(run_folder(run), f"{number:08x}", root=str(tmp_path), started_at=1.7e9 + number)
        lines = to_bitmap(range(first, 1000, 2))
        files = {str(path): FileLines(content_hash(str(path)), lines) for path in sources}
        for test in range(40):
            writer.request(Trace.of(files), 1.7e9, test=f"{run} | `{test}` @team {'<b>' * 100}", route=f"/{run}{test}")
    text = invoke("compare", "first", "second", "--format", "markdown").stdout
    assert len(text) < MAX_COMMENT
    assert "… and 10 more files: see `livecov compare`." in text
    assert "- … and 15 more" in text
    assert re.search("^- `second [^`]*<b>[^`]*`$", text, re.MULTILINE)
