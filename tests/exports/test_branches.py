"""Reports that count branches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import coverage
import pytest

from flask_livecoverage.engines import choose_engine
from flask_livecoverage.exports.reports import open_reports
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.model.records import Run
from flask_livecoverage.recording.recorder import Recorder
from flask_livecoverage.sources.selection import Sources

from ..support.lines import line_of
from .reading import configure, lines_by_context

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
