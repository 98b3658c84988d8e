"""Reports are coverage.py's own: each format, under each configuration."""

from __future__ import annotations

import json
from pathlib import Path

import coverage
import pytest

from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.exports.dump import dump_object
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Run, Trace
from flask_livecoverage.sources.content import content_hash

from ..support.runs import DEEP, FLAT, make_run, trace
from .reading import configure, coverage_command, lines_by_context, report


class TestFormats:
    def test_data_file_opens_with_coverage_py(self, run: Run, tmp_path: Path) -> None:
        with open_reports([run]) as reports:
            data, text = reports.data(), reports.text(show_missing=True)
        (tmp_path / "data").write_bytes(data)
        assert coverage_command("report", "--show-missing", "--data-file", "data").stdout == text
        coverage_command("html", "--show-contexts", "--data-file", "data", "-d", "html")
        page = next((tmp_path / "html").glob("*app_py.html")).read_text()
        assert "login" in page
        assert "(startup)" in page

    def test_text_and_markdown(self, run: Run) -> None:
        with open_reports([run]) as reports:
            assert reports.text().splitlines()[-1].split() == ["TOTAL", "7", "1", "86%"]
            assert reports.text(show_missing=True).splitlines()[2].split() == ["app.py", "7", "1", "86%", "11"]
            assert reports.text(markdown=True).startswith("| Name")
            assert round(reports.total()) == 86

    def test_machine_formats_agree(self, run: Run) -> None:
        with open_reports([run]) as reports:
            document = json.loads(reports.json())
            xml, lcov = reports.xml(), reports.lcov()
        assert document["files"]["app.py"]["executed_lines"] == [1, 4, 5, 6, 7, 10]
        assert document["files"]["app.py"]["contexts"]["7"] == ["login"]
        assert [f'<line number="{n}" hits="{int(n != 11)}"/>' in xml for n in (1, 4, 11)] == [True] * 3
        assert [f"DA:{n},{int(n != 11)}" in lcov for n in (1, 4, 11)] == [True] * 3

    def test_html_is_written_to_the_configured_folder(self, run: Run, tmp_path: Path) -> None:
        configure("[html]\ndirectory = pages\n")
        with open_reports([run]) as reports:
            assert reports.html() == Path("pages/index.html")
            assert reports.html(tmp_path / "elsewhere") == tmp_path / "elsewhere" / "index.html"
        assert Path("pages/index.html").exists()

    def test_nothing_is_left_beside_the_reports(self, run: Run, tmp_path: Path) -> None:
        before = sorted(tmp_path.iterdir())
        with open_reports([run]) as reports:
            for make in (reports.text, reports.xml, reports.lcov, reports.json, reports.html_zip, reports.data):
                make()
        assert sorted(tmp_path.iterdir()) == before


class TestConfiguration:
    def test_omit_and_exclude_lines(self, run: Run, tmp_path: Path) -> None:
        other = tmp_path / "other.py"
        other.write_text("x = 1\n")
        configure("[report]\nomit = other.py\nexclude_lines =\n    def unused\n")
        found = report(run, make_run((None, trace(other, [1])), root=tmp_path, name="more"))
        assert found["files"].keys() == {"app.py"}
        assert found["files"]["app.py"]["excluded_lines"] == [10, 11]
        assert found["totals"]["percent_covered"] == 100

    def test_unexecuted_source_files_count(self, run: Run, tmp_path: Path) -> None:
        other, gone = tmp_path / "other.py", tmp_path / "gone.py"
        other.write_text("x = 1\n")
        found = report(make_run(("t", trace(tmp_path / "app.py", FLAT)), root=tmp_path, source_files=[other, gone]))
        assert found["files"].keys() == {"app.py", "other.py"}
        assert found["files"]["other.py"]["missing_lines"] == [1]

    def test_fail_under(self, run: Run) -> None:
        configure("[report]\nfail_under = 85.8\nprecision = 1\n")
        with open_reports([run]) as reports:
            assert reports.fail_under_message(None) == "Coverage failure: total of 85.7 is less than fail-under=85.8"
            assert reports.fail_under_message(85) is None
            assert reports.fail_under_message(100) == "Coverage failure: total of 85.7 is less than fail-under=100.0"

    def test_no_fail_under(self, run: Run) -> None:
        with open_reports([run]) as reports:
            assert reports.fail_under_message(None) is None

    def test_paths_map_files_recorded_in_a_container(self, source: Path, tmp_path: Path) -> None:
        configure("[paths]\nhere =\n    .\n    /srv/container/*/src\n")
        away = "/srv/container/7/src/app.py"
        recorded = Trace.of({away: FileLines(content_hash(str(source)), to_bitmap(FLAT))})
        changed = Trace.of({away: FileLines("another content", to_bitmap(DEEP))})
        (tmp_path / "other.py").write_text("x = 1\n")
        source_files = [Path(away), Path("/srv/container/7/src/other.py")]
        run = make_run(("t", recorded), ("u", changed), root=Path("/srv/container/7/src"), source_files=source_files)
        with open_reports([run]) as reports:
            found = reports.json_object()["files"]
            assert found["app.py"]["executed_lines"] == FLAT
            assert found["other.py"]["missing_lines"] == [1]
            (warning,) = reports.warnings
        assert warning.startswith(f"{source} has changed")

    @pytest.mark.parametrize(
        "configuration",
        [
            "relative_files = True", "parallel = True", "concurrency = multiprocessing, thread", "context = nightly",
            "dynamic_context = test_function", "data_file = elsewhere/.coverage", "branch = True",
        ],
    )  # fmt: skip
    def test_numbers_are_the_same_under(self, run: Run, tmp_path: Path, configuration: str) -> None:
        configure(f"[run]\n{configuration}\n")
        with open_reports([run]) as reports:
            assert reports.json_object()["files"]["app.py"]["executed_lines"] == [1, 4, 5, 6, 7, 10]
            assert lines_by_context(reports.data(), tmp_path)["login"] == FLAT
        assert not Path("elsewhere").exists()

    def test_relative_files(self, run: Run, tmp_path: Path) -> None:
        configure("[run]\nrelative_files = True\n")
        with open_reports([run]) as reports:
            (tmp_path / "data").write_bytes(reports.data())
            assert dump_object(run, reports, recording=True)["files"].keys() == {"app.py"}
        assert "app.py" in coverage_command("report", "--data-file", "data").stdout
        data = coverage.CoverageData("data")
        data.read()
        assert data.measured_files() == {"app.py"}
        data.close()

    def test_error_for_a_wrong_configuration_is_one_line(self, run: Run) -> None:
        configure("[run]\nbranch = perhaps\n")
        with pytest.raises(ConfigurationError, match=r"coverage\.py's configuration: .*perhaps") as caught:
            report(run)
        assert "\n" not in str(caught.value)

    def test_several_runs_are_added_up(self, source: Path, tmp_path: Path) -> None:
        runs = [make_run((None, trace(source, lines)), root=tmp_path, name=str(lines)) for lines in (FLAT, DEEP)]
        assert report(*runs)["files"]["app.py"]["executed_lines"] == [5, 6, 7]

    def test_lines_and_branches_are_not_mixed(self, source: Path, tmp_path: Path) -> None:
        runs = [make_run((None, trace(source, FLAT)), root=tmp_path, branch=branch) for branch in (False, True)]
        with pytest.raises(DataError, match="--run ID"):
            report(*runs)
