"""Reports of files that have changed, vanished or were recorded elsewhere."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.model.records import Run

from ..support.runs import FLAT, SOURCE, make_run, trace
from .reading import configure, report


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


class TestSources:
    def test_changed_file_is_left_out_and_named(self, run: Run, source: Path) -> None:
        kept = make_run(("t", trace(__file__, [1])), root=source.parent)
        source.write_text("# a new first line\n" + SOURCE)
        with open_reports([run, kept]) as reports:
            assert "app.py" not in reports.json_object()["files"]
            assert reports.warnings == [f"{source} has changed since its lines were recorded: those are left out"]

    def test_lines_of_the_current_content_count(self, run: Run, source: Path, tmp_path: Path) -> None:
        source.write_text(SOURCE + "\n# edited, and the server started again\n")
        newer = make_run(("t", trace(source, [1])), root=tmp_path, name="newer")
        with open_reports([run, newer]) as reports:
            assert reports.json_object()["files"]["app.py"]["executed_lines"] == [1]
            assert len(reports.warnings) == 1

    def test_removed_file_is_left_out_and_named(self, run: Run, source: Path, tmp_path: Path) -> None:
        other = tmp_path / "other.py"
        other.write_text("x = 1\n")
        kept = make_run(("t", trace(other, [1])), root=tmp_path, name="kept")
        source.unlink()
        with open_reports([run, kept]) as reports:
            assert reports.json_object()["files"].keys() == {"other.py"}
            assert reports.warnings == [f"{source} has been removed since its lines were recorded: those are left out"]

    def test_invented_file_names_are_left_out(self, run: Run, tmp_path: Path) -> None:
        """``compile`` accepts any name, so a warning about each would be of no use, and appear in every report."""
        ghost, nameless = tmp_path / "ghost.py", tmp_path / "rule 7"
        made = make_run(("t", trace(ghost, [1])), (None, trace(nameless, [1])), root=tmp_path, name="ghost")
        with open_reports([run, made]) as reports:
            assert reports.json_object()["files"].keys() == {"app.py"}
            assert reports.warnings == []

    def test_file_that_could_not_be_read_when_its_lines_ran(self, run: Run, tmp_path: Path) -> None:
        late = tmp_path / "late.py"
        made = make_run(("t", trace(late, [1])), root=tmp_path, name="late")
        late.write_text("x = 1\n")
        with open_reports([run, made]) as reports:
            assert reports.json_object()["files"].keys() == {"app.py"}
            assert reports.warnings == [f"{late} did not exist when its lines ran: those are left out"]

    def test_archive_that_coverage_py_does_not_read(self, run: Run, tmp_path: Path) -> None:
        """Python imports from it, whatever its name; coverage.py's reports cannot read its sources."""
        path = archive(tmp_path / "app.pyz", {"packed.py": "x = 1\n"}) / "packed.py"
        made = make_run(("t", trace(path, [1])), root=tmp_path, name="packed")
        with open_reports([run, made]) as reports:
            assert reports.json_object()["files"].keys() == {"app.py"}
            (warning,) = reports.warnings
            assert warning == f"{path} is in an archive whose sources coverage.py cannot read: those are left out"

    @pytest.mark.parametrize("kind", [".zip", ".whl", ".egg"])
    def test_archives(self, tmp_path: Path, kind: str) -> None:
        path = archive(tmp_path / f"lib{kind}", {"packed/inside.py": SOURCE, "other.py": ""}) / "packed" / "inside.py"
        run = make_run((None, trace(path, FLAT)), root=tmp_path)
        with open_reports([run]) as reports:
            (file,) = reports.json_object()["files"].values()
            assert file["executed_lines"] == FLAT
            assert reports.warnings == []
        # Created again, with other content at other offsets.
        archive(tmp_path / f"lib{kind}", {"first.py": "x = 1\n", "packed/inside.py": f"# edited\n{SOURCE}"})
        with open_reports([run]) as reports:
            assert reports.warnings == [f"{path} has changed since its lines were recorded: those are left out"]
        archive(tmp_path / f"lib{kind}", {"other.py": ""})
        with open_reports([run]) as reports:
            assert reports.warnings == [f"{path} has been removed since its lines were recorded: those are left out"]

    def test_error_without_any_data_is_one_line(self, tmp_path: Path) -> None:
        for make in ("text", "xml", "lcov", "json", "html_zip", "total"):
            with (
                open_reports([make_run(root=tmp_path)]) as reports,
                pytest.raises(DataError, match=r"no application code was measured.*--source") as caught,
            ):
                getattr(reports, make)()
            assert "\n" not in str(caught.value)

    @pytest.mark.parametrize("configuration", ["", "[paths]\nhere =\n    .\n    /srv/another\n"])
    def test_recorded_in_a_container_and_not_mapped(self, tmp_path: Path, configuration: str) -> None:
        """As in a container: the message is about the paths, not about `source`."""
        configure(configuration)
        run = make_run(("t", trace(Path("/srv/container/app.py"), FLAT)), root=Path("/srv/container"))
        with (
            open_reports([run]) as reports,
            pytest.raises(
                DataError, match=r"none of .* exists here, for example /srv/container/app\.py: .*\[paths\]"
            ) as caught,
        ):
            reports.text()
        assert "\n" not in str(caught.value)

    def test_other_encoding(self, tmp_path: Path) -> None:
        path = tmp_path / "latin.py"
        path.write_bytes("# -*- coding: latin-1 -*-\nname = 'Müller'\n\ndef f():\n    return 'ß'\n".encode("latin-1"))
        run = make_run(("t", trace(path, [2, 4])), root=tmp_path)
        with open_reports([run]) as reports:
            assert reports.json_object()["files"]["latin.py"]["missing_lines"] == [5]
            page = next(reports.html(tmp_path / "html").parent.glob("*latin_py.html")).read_text("utf-8")
        assert "&#252;" in page or "ü" in page

    def test_error_for_source_that_is_not_python_names_the_file(self, run: Run, tmp_path: Path) -> None:
        broken = tmp_path / "broken.py"
        broken.write_text("print 'Python 2'\n")
        both = make_run(("t", trace(tmp_path / "app.py", FLAT)), root=tmp_path, source_files=[broken])
        with pytest.raises(ConfigurationError, match=r"broken\.py.*ignore_errors = True") as caught:
            report(both)
        assert "\n" not in str(caught.value)
        configure("[report]\nomit = broken.py\n")
        assert report(both)["files"].keys() == {"app.py"}
