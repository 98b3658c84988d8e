"""Snapshots of a run, against coverage.py's own reports and a replay of its requests in the order of time.

Tests ``dashboard.aggregator``, ``dashboard.snapshot`` and ``dashboard.run_reader``.
"""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from flask_livecoverage.dashboard.run_reader import RunReader
from flask_livecoverage.errors import DataError
from flask_livecoverage.journal.reader import reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.sources.coveragepy import StatementAnalyser
from flask_livecoverage.store import Store

from ..support import REPOSITORY
from ..support.journals import remove_store
from .recording import NOW, SOURCE, Recording, executed, shown, snapshot_of


class TestStatements:
    @pytest.mark.parametrize("seed", range(20))
    def test_any_lines_count_as_coverage_counts_them(self, write_module, seed: int) -> None:
        path = write_module(SOURCE, "source")
        everything = range(1, len(SOURCE.splitlines()) + 1)
        lines = random.Random(seed).sample(everything, seed * len(everything) // 19)
        analysis = StatementAnalyser().analyse(str(path))
        run, missing, excluded = executed(lines, path)
        found = analysis.executed(to_bitmap(lines))
        assert from_bitmap(found) == run
        assert from_bitmap(analysis.statements & ~found) == missing
        assert from_bitmap(analysis.excluded) == excluded

    def test_all_of_this_package(self) -> None:
        """Real code of all kinds."""
        analyser = StatementAnalyser()
        rng = random.Random(1)
        for path in sorted((REPOSITORY / "flask_livecoverage").rglob("*.py")):
            everything = range(1, len(path.read_text().splitlines()) + 2)
            lines = rng.sample(everything, len(everything) // 2)
            analysis = analyser.analyse(str(path))
            assert from_bitmap(analysis.executed(to_bitmap(lines))) == executed(lines, path)[0]

    def test_configuration(self, write_module) -> None:
        path = write_module(SOURCE, "source")
        Path(".coveragerc").write_text("[report]\nexclude_also = def plain\nomit = */other.py\nprecision = 2\n")
        analyser = StatementAnalyser()
        assert 5 in from_bitmap(analyser.analyse(str(path)).excluded)
        assert analyser.reports_on(str(path))
        assert not analyser.reports_on(str(path.with_name("other.py")))
        assert analyser.percent(1, 3) == "33.33"
        Path(".coveragerc").unlink()
        assert StatementAnalyser().rules != analyser.rules

    def test_all_lines_of_a_statement(self, write_module) -> None:
        analysis = StatementAnalyser().analyse(str(write_module(SOURCE, "source")))
        first = SOURCE.splitlines().index("    return dict(") + 1
        assert from_bitmap(analysis.all_lines(1 << first)) == list(range(first, first + 7))


@pytest.mark.parametrize("seed", range(6))
def test_random_requests_of_several_processes(recording: Recording, seed: int) -> None:
    """The run is read after every few requests, whose records are not in the order of time."""
    rng = random.Random(seed)
    count = len(SOURCE.splitlines())
    writers = [recording.writer(f"{number:08x}") for number in range(3)]
    recording.start_up(writers[0], recording.trace({0: [2, 5, 28]}))
    traces = [
        recording.trace({number: rng.sample(range(1, count + 1), 8) for number in rng.sample(range(3), 2)})
        for _ in range(12)
    ]
    moments = [NOW + number for number in range(40)]
    rng.shuffle(moments)
    ids = {}
    for number, at in enumerate(moments):
        trace = rng.choice(traces)
        ids[at] = recording.request(rng.choice(writers), trace, at), trace
        if number == 20:
            recording.start_up(writers[1], recording.trace({1: [2, 5], 2: range(1, 12)}))
        if number % 7 == 0:
            recording.snapshot()
        if number == 30:
            # A rebuilt store gives traces and files other numbers.
            remove_store()
    snapshot = recording.snapshot()
    assert shown(snapshot) == recording.covered(trace for _, trace in recording.all)
    assert snapshot.requests == 40
    # The lines that each request added, in the order of time.
    before = recording.covered([])
    at_startup = total = sum(map(len, before.values()))
    done, growth = [], [(0, total)]
    with recording.recorded() as (_, queries):
        for number, at in enumerate(sorted(moments), 1):
            request_id, trace = ids[at]
            done.append(trace)
            covered = sum(map(len, recording.covered(done).values()))
            record = queries.requests.get(request_id)
            assert record is not None
            assert snapshot.new(record) == covered - total
            assert snapshot.lines[record.trace] == sum(
                len(executed(from_bitmap(lines.lines), Path(path))[0]) for path, lines in trace.files.items()
            )
            if covered > total:
                growth.append((number, covered))
            total = covered
    assert snapshot.growth == growth
    assert snapshot.at_startup == at_startup
    assert snapshot.executed == total


def test_late_lines_count_as_ambient_until_their_request_is_stored(recording: Recording) -> None:
    """A forked child may write them before its parent writes the record, or is killed."""
    child, parent = recording.writer("aaaaaaaa"), recording.writer("bbbbbbbb")
    child.line("amend", id="bbbbbbbb-1", trace=child.trace(recording.trace({0: [6]})))
    snapshot = recording.snapshot()
    assert (snapshot.requests, snapshot.executed, snapshot.at_startup) == (0, 1, 1)
    parent.request(recording.trace({0: [7]}), NOW)
    snapshot = recording.snapshot()
    assert (snapshot.requests, snapshot.executed, snapshot.at_startup) == (1, 2, 0)


class TestFiles:
    def test_never_executed_files_count(self, recording: Recording) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [5]}), NOW)
        snapshot = recording.snapshot()
        assert {file.name: file.executed for file in snapshot.files.values()} == {
            "module_0.py": 1, "module_1.py": 0, "module_2.py": 0,
        }  # fmt: skip
        assert [file.number is None for file in snapshot.files.values()] == [False, True, True]

    def test_changed_files_are_left_out_until_changed_back(self, recording: Recording) -> None:
        writer = recording.writer("a")
        both = recording.trace({0: [6], 1: [6]})
        recording.request(writer, both, NOW)
        snapshot = recording.snapshot()
        assert (snapshot.executed, snapshot.lines[both.id]) == (2, 2)
        path, text = recording.paths[0], recording.paths[0].read_text()
        old = recording.trace({0: [6, 7]})
        path.write_text(f"x = 1\n{text}")
        # The server still runs the version from when it started.
        recording.request(writer, old, NOW + 1)
        snapshot = recording.snapshot()
        assert snapshot.changed == ["module_0.py"]
        assert snapshot.lines[both.id] == 1
        assert {file.name: file.executed for file in snapshot.files.values()}["module_0.py"] == 0
        path.write_text(text)
        recording.request(writer, recording.trace({1: [7]}), NOW + 2)
        snapshot = recording.snapshot()
        assert snapshot.changed == []
        assert snapshot.lines[both.id] == 2
        assert shown(snapshot) == {"module_0.py": [6, 7], "module_1.py": [6, 7], "module_2.py": []}

    def test_changed_files_that_the_configuration_does_not_name(self, tmp_path: Path) -> None:
        """They are in coverage.py's reports only if they ran."""
        recording = Recording(tmp_path)
        reader = RunReader(replace(recording.config, source_files=[]))
        with closing(recording.reader), closing(reader):
            recording.request(recording.writer("a"), recording.trace({0: [6], 1: [6]}), NOW)
            assert shown(snapshot_of(reader)) == {"module_0.py": [6], "module_1.py": [6]}
            recording.paths[0].write_text("x = 1\n")
            recording.request(recording.writer("b"), recording.trace({1: [7]}), NOW + 1)
            snapshot = snapshot_of(reader)
            assert shown(snapshot) == {"module_1.py": [6, 7]}
            assert snapshot.changed == ["module_0.py"]

    def test_omitted_files(self, tmp_path: Path) -> None:
        (tmp_path / ".coveragerc").write_text("[report]\nomit = */module_1.py\n")
        recording = Recording(tmp_path)
        recording.request(recording.writer("a"), recording.trace({0: [6], 1: [6]}), NOW)
        with closing(recording.reader):
            assert set(shown(recording.snapshot())) == {"module_0.py", "module_2.py"}

    def test_files_that_are_not_python(self, recording: Recording) -> None:
        recording.paths[2].write_text("def broken(:\n")
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        snapshot = recording.snapshot()
        assert set(shown(snapshot)) == {"module_0.py", "module_1.py"}
        ((name, reason),) = snapshot.unreadable
        assert name == "module_2.py"
        assert "module_2.py" in reason


class TestPeriods:
    def test_reset(self, recording: Recording) -> None:
        writer = recording.writer("a")
        recording.start_up(writer, recording.trace({0: [2]}))
        recording.request(writer, recording.trace({0: [6, 7]}), NOW)
        assert recording.snapshot().executed == 3
        reset(recording.run)
        snapshot = recording.snapshot()
        assert (snapshot.requests, snapshot.executed, snapshot.at_startup) == (0, 1, 1)
        recording.request(writer, recording.trace({0: [7, 8]}), NOW + 1)
        snapshot = recording.snapshot()
        assert (snapshot.requests, snapshot.executed, snapshot.growth) == (1, 3, [(0, 1), (1, 3)])

    def test_amended_request(self, recording: Recording) -> None:
        """Lines that a request runs after its record was written count for it, too."""
        writer = recording.writer("a")
        first, later = recording.trace({0: [6, 7]}), recording.trace({0: [8]})
        request_id = recording.request(writer, first, NOW)
        recording.request(writer, recording.trace({0: [6, 8]}), NOW + 1)
        assert recording.snapshot().executed == 3
        writer.line("amend", id=request_id, trace=writer.trace(later))
        with recording.recorded() as (snapshot, queries):
            newest, oldest = queries.requests.newest()
        assert (snapshot.new(oldest), snapshot.new(newest)) == (3, 0)
        assert snapshot.lines[oldest.trace] == 3


def test_unreadable_lines_are_reported(recording: Recording) -> None:
    writer = recording.writer("0000000a")
    recording.request(writer, recording.trace({0: [6]}), NOW)
    assert recording.snapshot().warnings == []
    writer.write(b"garbled\n")
    (warning,) = recording.snapshot().warnings
    assert "1 line cannot be read, skipped" in warning


def test_failures_are_reported(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)

    def sync(self: Store, folder: RunFolder, progress: object = None) -> int:
        raise DataError("the store is broken")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "sync", sync)
        with pytest.raises(DataError, match="the store is broken"):
            recording.snapshot()
    # The next page tries again.
    assert recording.snapshot().executed == 1
