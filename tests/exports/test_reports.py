"""Reports are coverage.py's own, and contain exactly the recorded lines."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterable
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType
from typing import Any

import coverage
import pytest
import yaml

from flask_livecoverage.analysis.suite import natural_key
from flask_livecoverage.engines import choose_engine
from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.exports.dump import dump_object
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.keploy.dedup_yaml import dedup_yaml
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Process, RequestRecord, Run, Trace
from flask_livecoverage.recording.recorder import Recorder
from flask_livecoverage.sources.selection import Sources, content_hash

from ..support.lines import line_of

SOURCE = """\
import os


def view(deep):
    if deep:
        return "deep"
    return "flat"


def unused():
    return os.name
"""
STARTUP, FLAT, DEEP = [1, 4, 10], [5, 7], [5, 6]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(SOURCE)
    return path


def trace(path: Path | str, lines: Iterable[int]) -> Trace:
    return Trace.of({str(path): FileLines(content_hash(str(path)), to_bitmap(lines))})


def archive(path: Path, files: dict[str, str]) -> Path:
    with zipfile.ZipFile(path, "w") as made:
        for name, text in files.items():
            made.writestr(name, text)
    return path


def make_run(
    *requests: tuple[str | None, Trace],
    root: Path,
    ambient: Iterable[Trace] = (),
    source_files: Iterable[Path] = (),
    name: str = "run",
    branch: bool = False,
) -> Run:
    """A run of requests, given by their tests and traces."""
    ambient = list(ambient)
    return Run(
        id=name,
        processes=[Process(1, 1.0, str(root), "ctrace", "", branch, "3")],
        requests=[
            RequestRecord(f"{name}-{n}", trace.id, "GET", f"/{n}", 200, float(n), 1.0, 1, test=test, route="/<int:n>")
            for n, (test, trace) in enumerate(requests)
        ],
        traces={trace.id: trace for trace in (*ambient, *(trace for _, trace in requests))},
        ambient=[trace.id for trace in ambient],
        source_files=list(map(str, source_files)),
    )


@pytest.fixture
def run(source: Path, tmp_path: Path) -> Run:
    return make_run(
        ("login", trace(source, FLAT)),
        (None, trace(source, DEEP)),
        root=tmp_path,
        ambient=[trace(source, STARTUP)],
    )


def configure(text: str) -> None:
    Path(".coveragerc").write_text(text)


def report(*runs: Run) -> dict[str, Any]:
    with open_reports(runs) as reports:
        return reports.json_object()


def lines_by_context(data: bytes, folder: Path) -> dict[str, list[int]]:
    (folder / "data").write_bytes(data)
    found = coverage.CoverageData(str(folder / "data"))
    found.read()
    contexts: dict[str, list[int]] = {}
    for path in found.measured_files():
        for line, names in found.contexts_by_lineno(path).items():
            for name in names:
                contexts.setdefault(name, []).append(line)
    found.close()
    return {name: sorted(lines) for name, lines in contexts.items()}


def tags(page: str) -> list[str]:
    found = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: found.append(tag)  # type: ignore[method-assign]
    parser.feed(page)
    parser.close()
    return found


def coverage_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    result = subprocess.run([sys.executable, "-m", "coverage", *arguments], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result


class TestContexts:
    @pytest.mark.parametrize(
        ("contexts", "expected"),
        [
            ("test", {"(startup)": STARTUP, "login": FLAT, "(no test)": DEEP}),
            ("route", {"(startup)": STARTUP, "GET /<int:n>": [5, 6, 7]}),
            ("request", {"(startup)": STARTUP, "run-0 GET /0": FLAT, "run-1 GET /1": DEEP}),
            ("none", {"": [1, 4, 5, 6, 7, 10]}),
            (None, {"(startup)": STARTUP, "login": FLAT, "(no test)": DEEP}),
        ],
    )
    def test_lines_count_where_they_ran(
        self, run: Run, tmp_path: Path, contexts: str | None, expected: dict[str, list[int]]
    ) -> None:
        with open_reports([run], contexts=contexts) as reports:
            assert lines_by_context(reports.data(), tmp_path) == expected

    def test_default_is_route_where_no_request_names_a_test(self, source: Path, tmp_path: Path) -> None:
        with open_reports([make_run((None, trace(source, FLAT)), root=tmp_path)]) as reports:
            assert lines_by_context(reports.data(), tmp_path) == {"GET /<int:n>": FLAT}

    def test_error_for_unknown_contexts_lists_the_valid_ones(self, run: Run) -> None:
        with (
            pytest.raises(ConfigurationError, match="unknown contexts 'user': choose test, route, request or none"),
            open_reports([run], contexts="user"),
        ):
            pass

    def test_of_lines_recorded_before_a_reset_those_of_import_time_are_kept(self, source: Path, tmp_path: Path) -> None:
        old = trace(source, [*STARTUP, *FLAT])
        run = Run("run", [], [], {old.id: old}, put_aside=[old.id])
        with open_reports([run]) as reports:
            assert lines_by_context(reports.data(), tmp_path) == {"(startup)": STARTUP}

    @pytest.mark.parametrize("name", ["</script><script>alert(1)</script>", "<!--<script>"])
    def test_clients_cannot_break_out_of_the_html_report(self, source: Path, tmp_path: Path, name: str) -> None:
        pages = []
        for test in (name, "harmless"):
            with open_reports([make_run((test, trace(source, FLAT)), root=tmp_path)]) as reports:
                pages.append(next(reports.html(tmp_path / "html").parent.glob("*app_py.html")).read_text())
        attacked, harmless = pages
        assert "<!--" not in attacked
        assert tags(attacked) == tags(harmless)


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

    def test_dump_has_paths_from_the_runs_root(self, source: Path, tmp_path: Path) -> None:
        (tmp_path / "package").mkdir()
        inner = tmp_path / "package" / "inner.py"
        inner.write_text(SOURCE)
        root = tmp_path / "package"
        run = make_run((None, trace(source, FLAT) | trace(inner, DEEP)), root=root)
        with open_reports([run]) as reports:
            document = dump_object(run, reports, recording=False)
        assert document["files"].keys() == {str(source), "inner.py"}
        assert list(document["traces"].values()) == [{str(source): FLAT, "inner.py": DEEP}]


class TestDedup:
    def test_flat_with_sorted_lines(self, run: Run, source: Path) -> None:
        assert yaml.safe_load(dedup_yaml(run)) == [
            {"id": "login", "executedLinesByFile": {str(source): FLAT}},
            {"id": "run-1", "executedLinesByFile": {str(source): DEEP}},
        ]

    def test_nested_where_all_ids_have_a_set(self, source: Path, tmp_path: Path) -> None:
        requests = [("s-0/t-1", trace(source, FLAT)), ("s-0/t-1", trace(source, DEEP)), ("s-1/t-1", trace(source, [5]))]
        assert yaml.safe_load(dedup_yaml(make_run(*requests, root=tmp_path))) == {
            "s-0": {"t-1": {str(source): [5, 6, 7]}},
            "s-1": {"t-1": {str(source): [5]}},
        }

    def test_flat_where_some_ids_have_no_set(self, source: Path, tmp_path: Path) -> None:
        run = make_run(("s-0/t-1", trace(source, FLAT)), ("t-2", trace(source, DEEP)), root=tmp_path)
        assert [test["id"] for test in yaml.safe_load(dedup_yaml(run))] == ["s-0/t-1", "t-2"]

    def test_unusual_names_are_kept(self, source: Path, tmp_path: Path) -> None:
        names = ["é ✓", "- a: [b", "yes", "1", "a\nb", "x" * 300]
        run = make_run(*((name, trace(source, FLAT)) for name in names), root=tmp_path)
        assert [test["id"] for test in yaml.safe_load(dedup_yaml(run))] == sorted(names, key=natural_key)

    def test_empty_run(self, tmp_path: Path) -> None:
        assert yaml.safe_load(dedup_yaml(make_run(root=tmp_path))) == []


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
        """``compile`` accepts any name: a warning about each would be of no use, and appear in every report."""
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


BRANCHES = """
    import contextlib

    def view(numbers):
        total = 0
        for number in numbers:
            if number % 2:
                continue
            try:
                total += 10 // number
            except ZeroDivisionError:
                break
        else:
            total = -total
        with contextlib.suppress(ValueError):
            if total > 3: raise ValueError
            total = sum(n for n in numbers if n)
        while total > 2:
            total -= 2
        return total if total else None
"""
CALLS = ([], [1, 3], [2, 4], [0, 5], [2, 2, 2], [1, 2, 0])


class TestBranches:
    @pytest.fixture
    def module(self, load_module: Callable[..., ModuleType]) -> ModuleType:
        configure("[run]\nbranch = True\ncore = ctrace\nsource = .\n")
        return load_module(BRANCHES)

    def recorded(self, module: ModuleType, tmp_path: Path) -> Run:
        sources = Sources()
        engine, reason = choose_engine(sources)
        folder = DataDir(tmp_path / "recorded").run("r")
        recorder = Recorder(engine, reason, sources=sources, run=folder, root=str(tmp_path))
        recorder.start()
        try:
            for number, call in enumerate(CALLS):
                request = recorder.open_request("GET", "/", f"test-{number}")
                segment = request.enter()
                module.view(call)
                request.leave(segment)
                request.commit()
        finally:
            recorder.stop()
        return read_run(folder)

    def test_arcs_are_those_that_coverage_py_finds(self, module: ModuleType, tmp_path: Path) -> None:
        cov = coverage.Coverage(data_file=None)
        cov.start()
        for call in CALLS:
            module.view(call)
        cov.stop()
        path = str(Path(str(module.__file__)).resolve())
        expected = set(cov.get_data().arcs(path) or ())
        cov.get_data().close(force=True)

        run = self.recorded(module, tmp_path)
        assert run.branch
        assert len(expected) > 20
        found = [trace.files[path].arcs or frozenset() for trace in run.traces.values() if path in trace.files]
        assert frozenset().union(*found) == expected

    def test_report_counts_branches_and_keeps_contexts(self, module: ModuleType, tmp_path: Path) -> None:
        run = self.recorded(module, tmp_path)
        with open_reports([run]) as reports:
            file = reports.json_object()["files"][f"{module.__name__}.py"]
            contexts = lines_by_context(reports.data(), tmp_path)
        assert 0 < file["summary"]["covered_branches"] < file["summary"]["num_branches"]
        broken = line_of(module, "break")
        assert {name for name, lines in contexts.items() if broken in lines} == {"test-3", "test-5"}
