"""``flask livecov report`` and ``status``: formats, runs, damaged files and wrong options.

Tests ``cli.reports``, ``cli.handlers.reporting``, ``cli.handlers.run_reports``, ``cli.group`` and ``cli.options``.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

from ...support.lines import line_of
from ...support.processes import Commands, Invoke

APP = """
    from flask import Flask

    app = Flask(__name__)

    @app.get("/")
    def index():
        return "hello"

    @app.get("/items/<int:number>")
    def item(number):
        return str(number)

    @app.get("/never")
    def never():
        return "never asked for"
"""

SUITE = """
    import os, sys, urllib.request

    for path in sys.argv[1:]:
        url = os.environ["LIVECOVERAGE_URL"] + path
        urllib.request.urlopen(urllib.request.Request(url, headers={"Livecov-Test": f"test {path}"})).close()
"""


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder in which two runs were recorded: one asked for an item, the later one for the index."""
    commands = Commands(tmp_path_factory.mktemp("recorded"))
    commands.write("app.py", APP)
    suite = commands.write("suite.py", SUITE)
    for path in ("/items/7", "/"):
        assert commands.run("--report", "text", "--", sys.executable, suite, path).status == 0
    yield commands.folder
    commands.close()


@pytest.fixture
def folder(recorded: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what was recorded, to work in. The application's own files stay where they were."""
    shutil.copytree(recorded / ".livecov", tmp_path / ".livecov")
    return tmp_path


def run_ids(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / ".livecov" / "runs").iterdir())


class TestFormats:
    def test_tables(self, folder: Path, recorded: Path, invoke: Invoke) -> None:
        unasked = [line_of(recorded / "app.py", text) for text in ("str(number)", "never asked for")]

        text = invoke("report")
        missing = invoke("report", "--format", "term-missing")
        markdown = invoke("report", "--format", "markdown", "--output", "report.md")

        assert (text.status, text.stderr) == (0, "")
        assert text.stdout.splitlines()[-1].split() == ["TOTAL", "11", "2", "82%"]
        assert missing.stdout.splitlines()[-3].endswith(f"82%   {unasked[0]}, {unasked[1]}")
        assert markdown.stdout == "Wrote markdown report to report.md\n"
        assert (folder / "report.md").read_text().splitlines()[-1].split()[:2] == ["|", "**TOTAL**"]

    @pytest.mark.parametrize(
        ("report_format", "default", "start"),
        [
            ("xml", "coverage.xml", "<?xml"),
            ("lcov", "coverage.lcov", "SF:"),
            ("json", "coverage.json", "{"),
            ("coverage", ".coverage", "SQLite format 3"),
        ],
    )
    def test_files(self, folder: Path, invoke: Invoke, report_format: str, default: str, start: str) -> None:
        printed = invoke("report", "--format", report_format, "--output", "-") if report_format != "coverage" else None
        by_default = invoke("report", "--format", report_format)
        elsewhere = invoke("report", "--format", report_format, "--output", "new/folder/it")

        assert (by_default.status, by_default.stderr) == (0, "")
        assert by_default.stdout.endswith(f" to {default}\n")
        assert (folder / default).read_text(errors="replace").startswith(start)
        assert elsewhere.stdout.endswith(" to new/folder/it\n")
        assert (folder / "new" / "folder" / "it").read_text(errors="replace").startswith(start)
        if printed is not None:
            assert printed.stdout.startswith(start)

    def test_html(self, folder: Path, invoke: Invoke) -> None:
        assert invoke("report", "--format", "html").stdout == "Wrote HTML report to htmlcov/index.html\n"
        assert invoke("report", "--format", "html", "--output", "pages").status == 0

        assert (folder / "htmlcov" / "index.html").is_file()
        assert (folder / "pages" / "index.html").is_file()

    @pytest.mark.parametrize(
        ("contexts", "expected"),
        [
            (None, {"(startup)", "test /"}),
            ("test", {"(startup)", "test /"}),
            ("route", {"(startup)", "GET /"}),
            ("none", {""}),
        ],
    )
    def test_contexts(self, folder: Path, invoke: Invoke, contexts: str | None, expected: set[str]) -> None:
        assert invoke("report", "--format", "coverage", *(("--contexts", contexts) if contexts else ())).status == 0

        data = coverage.CoverageData(str(folder / ".coverage"))
        data.read()
        assert data.measured_contexts() == expected
        data.close()


class TestRuns:
    @pytest.mark.parametrize("which", ["first", "latest", "all"])
    def test_which(self, folder: Path, recorded: Path, invoke: Invoke, which: str) -> None:
        name = run_ids(folder)[0] if which == "first" else which

        report = json.loads(invoke("report", "--run", name, "--format", "json", "--output", "-").stdout)

        (file,) = report["files"].values()
        executed = {text: line_of(recorded / "app.py", text) in file["executed_lines"] for text in ("hello", "str(num")}
        assert executed == {"hello": which != "first", "str(num": which != "latest"}

    def test_status(self, folder: Path, invoke: Invoke) -> None:
        text = invoke("status")
        one = json.loads(invoke("status", "--format", "json").stdout)
        both = json.loads(invoke("status", "--format", "json", "--run", "all").stdout)

        assert text.status == 0
        assert f"run        {run_ids(folder)[1]}" in text.stdout
        assert [state["run"] for state in both] == run_ids(folder)
        assert one == both[1]
        assert (one["requests"], one["tests"], one["processes"], one["windows"]) == (1, 1, 1, 0)
        assert one["engine"] in ("monitoring", "ctrace")

    def test_no_such_run(self, folder: Path, invoke: Invoke) -> None:
        result = invoke("report", "--run", "19990101")

        assert result.status != 0
        assert len(result.errors) == 1
        assert "19990101" in result.errors[0]

    @pytest.mark.parametrize("command", ["report", "status"])
    def test_nothing_recorded(self, invoke: Invoke, tmp_path: Path, command: str) -> None:
        result = invoke(command, "--data-dir", "nowhere")

        assert result.status == 1
        assert result.stderr.startswith("Error: nothing is recorded in nowhere: record with ")
        assert result.stderr.count("\n") == 1
        assert list(tmp_path.iterdir()) == []


def test_fail_under(folder: Path, invoke: Invoke) -> None:
    assert invoke("report", "--fail-under", "81").status == 0
    below = invoke("report", "--fail-under", "83")
    (folder / ".coveragerc").write_text("[report]\nfail_under = 83\n")
    configured = invoke("report")

    assert below.status == configured.status == 2
    assert below.stderr == configured.stderr == "Coverage failure: total of 82 is less than fail-under=83\n"
    assert "TOTAL" in below.stdout


def test_corrupt_and_foreign_files_are_reported(folder: Path, invoke: Invoke) -> None:
    expected = invoke("report").stdout
    runs = folder / ".livecov" / "runs"
    run = runs / run_ids(folder)[1]
    (journal,) = run.glob("journal-*.jsonl")
    with journal.open("ab") as file:
        file.write(b'{"type":"request"}\n\x00\xff binary\n{"type":"request","id":"to')
    (run / "journal-foreign.jsonl").write_bytes(b"\x89PNG\r\n\x1a\n")
    (run / "notes.txt").write_text("mine")
    (runs / "stray").write_text("mine")

    result = invoke("report")

    assert result.status == 0
    assert result.stdout == expected
    warnings = [line for line in result.stderr.splitlines() if line.startswith("Warning: ")]
    for name in (journal.name, "journal-foreign.jsonl", "notes.txt", "stray"):
        assert any(name in warning for warning in warnings), result.stderr
    assert result.errors == []


def test_files_that_cannot_be_written(folder: Path, invoke: Invoke) -> None:
    (folder / "file").write_text("mine")

    for report_format in ("xml", "markdown", "coverage", "html"):
        result = invoke("report", "--format", report_format, "--output", "file/below")
        assert result.status == 1
        assert re.fullmatch(r"Error: cannot write file/below \(.+\): choose another path .*\n", result.stderr)
    assert (folder / "file").read_text() == "mine"


WRONG = {
    "report --format pdf": "not one of 'text', 'term-missing', 'markdown', 'html', 'xml', 'lcov', 'json', 'coverage'",
    "report --contexts line": "'line' is not one of 'test', 'route', 'request', 'none'",
    "report --fail-under 101": "101.0 is not in the range 0<=x<=100",
    "report --runs latest": "No such option",
    "run --report pdf -- true": "'pdf' is not one of 'text', 'term-missing',",
    "run": "Missing argument 'COMMAND...'",
    "run --timeout 0 -- true": "0.0 is not in the range x>0",
    "run --startup-timeout soon -- true": "'soon' is not a valid float",
    "serve --port 70000": "70000 is not in the range 0<=x<=65535",
    "serve --config GREETING": "'GREETING' is not of the form KEY=VALUE",
    "serve --config 1=2": "'1' is not of the form KEY=VALUE",
    "status --format xml": "'xml' is not one of 'text', 'json'",
    "status --url localhost:5000": "'localhost:5000' is not of the form http://HOST:PORT",
    "shutdown --url ftp://localhost": "'ftp://localhost' is not of the form http://HOST:PORT",
}


def test_wrong_use_is_refused_and_harmless(folder: Path, invoke: Invoke) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    for arguments, message in WRONG.items():
        result = invoke(*arguments.split())
        assert (arguments, result.status) == (arguments, 2)
        assert message in result.stderr
        assert sum(line.startswith("Error: ") for line in result.errors) == 1

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_data_directory_that_is_a_file(folder: Path, invoke: Invoke) -> None:
    (folder / "file").write_text("mine")

    for arguments in (("report", "--data-dir", "file"), ("status", "--data-dir", "file")):
        result = invoke(*arguments)
        assert result.status == 1
        assert len(result.errors) == 1


def test_bad_setting(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVECOVERAGE_URL_PREFIX", "no slash")

    result = invoke("status", "--url", "http://127.0.0.1:9")

    assert result.status == 2
    assert result.stderr.startswith("Error: LIVECOVERAGE_URL_PREFIX cannot be 'no slash': use a path")
