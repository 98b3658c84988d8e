"""``livecov report --format github`` and ``badge``: where the parts go. Tests ``cli.handlers.reporting``."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from flask_livecoverage.exports.github import MAX_SUMMARY
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.sources.content import content_hash

from ...support.journals import Writer, run_folder
from ...support.processes import Invoke

HEAD = "### Coverage: 50%\n\n2 of 4 statements were executed.\n"
WARNING = "::warning file=app.py,line=3,endLine=4,title=Not covered::These 2 statements were not executed.\n"
TOTAL = "2 of 4 statements were executed.\n"


@pytest.fixture(autouse=True)
def _recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    Path("app.py").write_text("a = 1\nb = 2\nc = 3\nd = 4\n")
    file = FileLines(content_hash("app.py"), to_bitmap([1, 2]))
    Writer(run_folder(), "1a", root=str(tmp_path)).request(Trace.of({str(tmp_path / "app.py"): file}), 1.0)


class TestGitHub:
    def test_summary_is_added_to_that_of_the_step(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("summary.md").write_text("before\n")
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
        result = invoke("report", "--format", "github")
        assert (result.status, result.stdout, result.stderr) == (0, WARNING + TOTAL, "")
        assert Path("summary.md").read_text().startswith(f"before\n{HEAD}")

    def test_paths_are_relative_to_the_workspace(
        self, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path.parent))
        assert f"file={tmp_path.name}/app.py," in invoke("report", "--format", "github").stdout

    def test_elsewhere(self, invoke: Invoke) -> None:
        result = invoke("report", "--format", "github")
        assert (result.status, result.stdout) == (0, WARNING + TOTAL)
        assert result.stderr == (
            "Warning: no summary is written, because GITHUB_STEP_SUMMARY is not set: name a file with --output\n"
        )

    def test_full_summary(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        Path("summary.md").write_text("x" * MAX_SUMMARY)
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
        assert "has no room left" in invoke("report", "--format", "github").stderr

    def test_summary_that_cannot_be_written(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "none/summary.md")
        result = invoke("report", "--format", "github")
        assert (result.status, len(result.errors)) == (1, 1)

    def test_summary_in_a_file_of_its_own(self, invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
        result = invoke("report", "--format", "github", "--output", "own.md")
        assert result.stdout == f"Wrote summary to own.md\n{WARNING}{TOTAL}"
        assert Path("own.md").read_text().startswith(HEAD)
        assert not Path("summary.md").exists()
        assert invoke("report", "--format", "github", "--output", "-").stdout.startswith(HEAD)

    def test_gate(self, invoke: Invoke) -> None:
        assert invoke("report", "--format", "github", "--output", "own.md", "--fail-under", "51").status == 2


class TestBadge:
    def test_file(self, invoke: Invoke) -> None:
        assert invoke("report", "--format", "badge").stdout == "Wrote badge to coverage.svg\n"
        assert ElementTree.parse("coverage.svg").getroot().attrib["aria-label"] == "coverage: 50%"

    def test_standard_output(self, invoke: Invoke) -> None:
        result = invoke("report", "--format", "badge", "--output", "-")
        assert ElementTree.fromstring(result.stdout).attrib["aria-label"] == "coverage: 50%"

    def test_precision(self, invoke: Invoke) -> None:
        Path(".coveragerc").write_text("[report]\nprecision = 2\n")
        assert "coverage: 50.00%" in invoke("report", "--format", "badge", "--output", "-").stdout
