"""The coverage of recorded runs by file, checked against coverage.py's own report."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.recorded_coverage import CoverageReader, RecordedCoverage, portable_name
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.sources.content import content_hash

from ..support.journals import Writer, remove_store, run_folder

SOURCE = """\
import os


def view(deep):
    if deep:
        return os.path.join(
            "a",
            "b",
        )
    return "flat"


def debug():  # pragma: no cover
    return 1
"""


def lines_of(path: Path | str, lines: Iterable[int], content: str | None = None) -> dict[str, FileLines]:
    return {str(path): FileLines(content_hash(str(path)) if content is None else content, to_bitmap(lines))}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(SOURCE)
    (tmp_path / "other.py").write_text("x = 1\ny = 2\n")
    return tmp_path


@pytest.fixture
def writer(root: Path) -> Writer:
    """Start-up, a test of the deep part, and a file of which nothing was executed."""
    writer = Writer(run_folder(), "1a", root=str(root))
    writer.line("sources", files=[str(root / "app.py"), str(root / "other.py")])
    writer.line("ambient", trace=writer.trace(Trace.of(lines_of(root / "app.py", [1, 4, 13]))))
    writer.request(Trace.of(lines_of(root / "app.py", [5, 7, 8])), 1.0, test="deep", route="/<x>", method="HEAD")
    writer.request(Trace.of(lines_of(root / "app.py", [])), 2.0, test="deep", route=None)
    return writer


def read(run: str = "run", data_dir: Path = Path(".livecov")) -> RecordedCoverage:
    with open_stored_runs(data_dir, [run_folder(run, data_dir)], None) as stored:
        return CoverageReader(stored).read("run")


def missing(recorded: RecordedCoverage, name: str) -> list[int]:
    return [line for line in recorded.files[name].lines if not recorded.files[name].is_covered(line)]


@pytest.mark.usefixtures("writer")
class TestCounts:
    @pytest.mark.parametrize(
        "configuration",
        ["", "[report]\nomit = other.py\n", "[report]\nexclude_also =\n    return .flat\n", "[run]\nbranch = true\n"],
    )
    def test_are_those_of_coverage_py(self, configuration: str) -> None:
        Path(".coveragerc").write_text(configuration)
        recorded = read()
        with open_reports([read_run(run_folder())]) as reports:
            report = reports.json_object()
        assert recorded.files.keys() == report["files"].keys()
        for name, file in report["files"].items():
            assert missing(recorded, name) == file["missing_lines"]
            assert recorded.files[name].counts.covered == file["summary"]["covered_lines"]
        totals = report["totals"]
        counts = recorded.counts
        assert (counts.statements, counts.covered) == (totals["num_statements"], totals["covered_lines"])

    def test_names(self) -> None:
        recorded = read()
        assert recorded.tests == {"deep"}
        # A request for the head of a page is one for the page; one that matched no rule is for none.
        assert recorded.routes == {"GET /<x>"}

    def test_store_keeps_the_statements(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = read()
        monkeypatch.setattr("flask_livecoverage.sources.coveragepy.StatementAnalyser.analyse", None)
        assert read() == first


class TestContents:
    def test_changed_file(self, writer: Writer, root: Path) -> None:
        before = read()
        (root / "app.py").write_text("changed = 1\n")
        assert read() == before

    def test_content_that_was_not_kept(self, writer: Writer, root: Path) -> None:
        (root / "app.py").write_text("changed = 1\n")
        recorded = read()
        assert recorded.files.keys() == {"other.py"}
        assert "was not kept" in recorded.unknown["app.py"]

    def test_paths_are_mapped(self, root: Path) -> None:
        """As of a server in a container; the name is the one that the file has there."""
        there = "/srv/container/app.py"
        mapped = Writer(run_folder("mapped"), "2b", root="/srv/container")
        mapped.request(Trace.of(lines_of(there, [1, 4], content_hash(str(root / "app.py")))), 1.0)
        Path(".coveragerc").write_text(f"[paths]\nhere =\n    {root}\n    /srv/container\n")
        recorded = read("mapped")
        assert missing(recorded, "app.py") == [5, 6, 10]
        assert recorded.files["app.py"].marks is not None


class TestUnexecuted:
    def test_files_that_are_there(self, writer: Writer, root: Path) -> None:
        (root / "new.py").write_text("x = 1\n")
        (root / "bad.py").write_text("x = (\n")
        with open_stored_runs(Path(".livecov"), [run_folder()], None) as stored:
            files, unknown = CoverageReader(stored).read_unexecuted(["new.py", "gone.py", "bad.py"])
        assert {name: (file.lines, file.covered) for name, file in files.items()} == {"new.py": ([1], 0)}
        assert unknown.keys() == {"bad.py"}


class TestNames:
    @pytest.mark.parametrize(
        ("path", "name"),
        [
            ("/srv/shop/views.py", "views.py"),
            ("/srv/lib/x.py", "../lib/x.py"),
            ("/srv/shop/.venv/lib/python3.13/site-packages/httpbin/core.py", "site-packages/httpbin/core.py"),
            ("/usr/lib/python3/dist-packages/yaml/__init__.py", "dist-packages/yaml/__init__.py"),
        ],
    )
    def test_do_not_depend_on_the_machine(self, path: str, name: str) -> None:
        assert portable_name(path, "/srv/shop") == name

    def test_same_in_another_folder(self, writer: Writer, root: Path) -> None:
        here = read()
        there = root.parent / "there"
        shutil.copytree(root, there)
        journal = there / ".livecov" / "runs" / "run" / "journal-1a.jsonl"
        journal.write_text(journal.read_text().replace(json.dumps(str(root))[1:-1], str(there)))
        remove_store(there / ".livecov")
        assert read(data_dir=there / ".livecov") == here
