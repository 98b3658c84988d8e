"""The figures of a run, against coverage.py's own reports and a replay of its requests in the order of time."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import coverage
import pytest

from flask_livecoverage.dashboard.held_store import Snapshot
from flask_livecoverage.dashboard.run_reader import Config, NotYet, RunReader
from flask_livecoverage.dashboard.snapshot import Figures
from flask_livecoverage.errors import DataError
from flask_livecoverage.journal.reader import reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.sources.content import content_hash
from flask_livecoverage.sources.coveragepy import StatementCounter
from flask_livecoverage.store import RunQueries, Store, open_store, store_url

from ..support import REPOSITORY
from ..support.journals import Writer, remove_store, run_folder

NOW = 1_700_000_000.0

SOURCE = '''
"""Statements over several lines, nested ones, decorators, excluded lines."""
import os


def plain(value):
    if value:
        return 1
    return 2


@property
def several(
    value,
    other=None,
):
    """A docstring
    over lines."""
    return dict(
        a=value,
        b=[
            item
            for item in (value or [])
        ],
    )


def hidden():  # pragma: no cover
    return os


class Thing:
    name = (
        "thing"
    )

    def method(self): return self.name
'''.lstrip()


def executed(lines: Iterable[int], path: Path) -> tuple[list[int], list[int], list[int]]:
    """Executed, missing and excluded lines, as coverage.py says it of data with ``lines``."""
    cov = coverage.Coverage(data_file=None)
    cov.get_data().add_lines({str(path): lines})
    _, statements, excluded, missing, _ = cov.analysis2(str(path))
    cov.get_data().close(force=True)
    return sorted(set(statements) - set(missing)), missing, excluded


class TestStatements:
    @pytest.mark.parametrize("seed", range(20))
    def test_any_lines_count_as_coverage_counts_them(self, write_module, seed: int) -> None:
        path = write_module(SOURCE, "source")
        everything = range(1, len(SOURCE.splitlines()) + 1)
        lines = random.Random(seed).sample(everything, seed * len(everything) // 19)
        counted = StatementCounter().count(str(path))
        run, missing, excluded = executed(lines, path)
        found = counted.executed(to_bitmap(lines))
        assert from_bitmap(found) == run
        assert from_bitmap(counted.statements & ~found) == missing
        assert from_bitmap(counted.excluded) == excluded

    def test_all_of_this_package(self) -> None:
        """Real code, of all kinds."""
        counter = StatementCounter()
        rng = random.Random(1)
        for path in sorted((REPOSITORY / "flask_livecoverage").rglob("*.py")):
            everything = range(1, len(path.read_text().splitlines()) + 2)
            lines = rng.sample(everything, len(everything) // 2)
            counted = counter.count(str(path))
            assert from_bitmap(counted.executed(to_bitmap(lines))) == executed(lines, path)[0]

    def test_configuration(self, write_module) -> None:
        path = write_module(SOURCE, "source")
        Path(".coveragerc").write_text("[report]\nexclude_also = def plain\nomit = */other.py\nprecision = 2\n")
        counter = StatementCounter()
        assert 5 in from_bitmap(counter.count(str(path)).excluded)
        assert counter.reports_on(str(path))
        assert not counter.reports_on(str(path.with_name("other.py")))
        assert counter.percent(1, 3) == "33.33"
        Path(".coveragerc").unlink()
        assert StatementCounter().rules != counter.rules

    def test_all_lines_of_a_statement(self, write_module) -> None:
        counted = StatementCounter().count(str(write_module(SOURCE, "source")))
        first = SOURCE.splitlines().index("    return dict(") + 1
        assert from_bitmap(counted.all_lines(1 << first)) == list(range(first, first + 7))


class Recording:
    """A run with real files."""

    def __init__(self, folder: Path, count: int = 3) -> None:
        self.folder = folder
        self.paths = [folder / f"module_{number}.py" for number in range(count)]
        for path in self.paths:
            path.write_text(f"{SOURCE}\n# {path.name}\n")
        self.run = run_folder()
        self.config = Config(str(self.run.path), None, "/__coverage__", [str(path) for path in self.paths])
        self.reader = RunReader(self.config)
        self.all: list[tuple[float, Trace]] = []
        self.ambient: list[Trace] = []

    def writer(self, token: str) -> Writer:
        return Writer(self.run, token, root=str(self.folder))

    def trace(self, lines_by_file: dict[int, Iterable[int]]) -> Trace:
        return Trace.of(
            {
                str(self.paths[number]): FileLines(content_hash(str(self.paths[number])), to_bitmap(lines))
                for number, lines in lines_by_file.items()
            }
        )

    def request(self, writer: Writer, trace: Trace, at: float, **fields: object) -> str:
        self.all.append((at, trace))
        return writer.request(trace, at, **fields)

    def start_up(self, writer: Writer, trace: Trace) -> None:
        self.ambient.append(trace)
        writer.line("ambient", trace=writer.trace(trace))

    def figures(self) -> Figures:
        return figures_of(self.reader)

    @contextmanager
    def recorded(self) -> Iterator[tuple[Figures, RunQueries]]:
        """What the store holds, and the figures that tell all of it."""
        snapshot = snapshot_of(self.reader)
        try:
            with self.reader.recorded(snapshot) as recorded:
                yield snapshot.figures, recorded
        finally:
            snapshot.release()

    def covered(self, requests: Iterable[Trace]) -> dict[str, list[int]]:
        """By file: what coverage.py counts as executed."""
        found = {}
        everything = [*self.ambient, *requests]
        for path in self.paths:
            traces = [trace for trace in everything if str(path) in trace.files]
            lines = {line for trace in traces for line in from_bitmap(trace.files[str(path)].lines)}
            found[path.name] = executed(lines, path)[0]
        return found


def snapshot_of(reader: RunReader) -> Snapshot:
    """The figures, when they tell all that is recorded, and the store; held."""
    while True:
        try:
            answer = reader.snapshot()
        except NotYet:
            continue
        if answer.is_current:
            return answer.content
        answer.content.release()


def figures_of(reader: RunReader) -> Figures:
    """The figures, when they tell all that is recorded."""
    snapshot = snapshot_of(reader)
    snapshot.release()
    return snapshot.figures


@pytest.fixture
def recording(tmp_path: Path) -> Iterator[Recording]:
    recording = Recording(tmp_path)
    with closing(recording.reader):
        yield recording


def shown(figures: Figures) -> dict[str, list[int]]:
    return {file.name: from_bitmap(file.covered) for file in figures.files.values()}


@pytest.mark.parametrize("seed", range(6))
def test_random_requests_of_several_processes(recording: Recording, seed: int) -> None:
    """Read after every few requests, whose records come in out of the order of time."""
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
            recording.figures()
        if number == 30:
            # Made anew, it gives traces and files other numbers.
            remove_store()
    figures = recording.figures()
    assert shown(figures) == recording.covered(trace for _, trace in recording.all)
    assert figures.requests == 40
    # Requests one after the other: what each of them added.
    before = recording.covered([])
    at_startup = total = sum(map(len, before.values()))
    done, curve = [], [(0, total)]
    with recording.recorded() as (_, recorded):
        for number, at in enumerate(sorted(moments), 1):
            request_id, trace = ids[at]
            done.append(trace)
            covered = sum(map(len, recording.covered(done).values()))
            record = recorded.requests.get(request_id)
            assert record is not None
            assert figures.new(record) == covered - total
            assert figures.lines[record.trace] == sum(
                len(executed(from_bitmap(lines.lines), Path(path))[0]) for path, lines in trace.files.items()
            )
            if covered > total:
                curve.append((number, covered))
            total = covered
    assert figures.curve == curve
    assert figures.at_startup == at_startup
    assert figures.executed == total


class TestFiles:
    def test_never_executed_ones_count(self, recording: Recording) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [5]}), NOW)
        figures = recording.figures()
        assert {file.name: file.executed for file in figures.files.values()} == {
            "module_0.py": 1, "module_1.py": 0, "module_2.py": 0,
        }  # fmt: skip
        assert [file.number is None for file in figures.files.values()] == [False, True, True]

    def test_changed_ones_are_left_out_and_may_come_back(self, recording: Recording) -> None:
        writer = recording.writer("a")
        recording.request(writer, recording.trace({0: [6], 1: [6]}), NOW)
        assert recording.figures().executed == 2
        path, text = recording.paths[0], recording.paths[0].read_text()
        old = recording.trace({0: [6, 7]})
        path.write_text(f"x = 1\n{text}")
        # The server runs what was there when it started.
        recording.request(writer, old, NOW + 1)
        figures = recording.figures()
        assert figures.changed == ["module_0.py"]
        assert {file.name: file.executed for file in figures.files.values()}["module_0.py"] == 0
        path.write_text(text)
        recording.request(writer, recording.trace({1: [7]}), NOW + 2)
        figures = recording.figures()
        assert figures.changed == []
        assert shown(figures) == {"module_0.py": [6, 7], "module_1.py": [6, 7], "module_2.py": []}

    def test_omitted_ones(self, tmp_path: Path) -> None:
        (tmp_path / ".coveragerc").write_text("[report]\nomit = */module_1.py\n")
        recording = Recording(tmp_path)
        recording.request(recording.writer("a"), recording.trace({0: [6], 1: [6]}), NOW)
        with closing(recording.reader):
            assert set(shown(recording.figures())) == {"module_0.py", "module_2.py"}

    def test_what_is_no_python(self, recording: Recording) -> None:
        recording.paths[2].write_text("def broken(:\n")
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        figures = recording.figures()
        assert set(shown(figures)) == {"module_0.py", "module_1.py"}
        ((name, reason),) = figures.unreadable
        assert name == "module_2.py"
        assert "module_2.py" in reason


class TestPeriods:
    def test_reset(self, recording: Recording) -> None:
        writer = recording.writer("a")
        recording.start_up(writer, recording.trace({0: [2]}))
        recording.request(writer, recording.trace({0: [6, 7]}), NOW)
        assert recording.figures().executed == 3
        reset(recording.run)
        figures = recording.figures()
        assert (figures.requests, figures.executed, figures.at_startup) == (0, 1, 1)
        recording.request(writer, recording.trace({0: [7, 8]}), NOW + 1)
        figures = recording.figures()
        assert (figures.requests, figures.executed, figures.curve) == (1, 3, [(0, 1), (1, 3)])

    def test_amended_request(self, recording: Recording) -> None:
        """What a request runs after its record is written is its own, too."""
        writer = recording.writer("a")
        first, later = recording.trace({0: [6, 7]}), recording.trace({0: [8]})
        request_id = recording.request(writer, first, NOW)
        recording.request(writer, recording.trace({0: [6, 8]}), NOW + 1)
        assert recording.figures().executed == 3
        writer.line("amend", id=request_id, trace=writer.trace(later))
        with recording.recorded() as (figures, recorded):
            newest, oldest = recorded.requests.newest()
        assert (figures.new(oldest), figures.new(newest)) == (3, 0)
        assert figures.lines[oldest.trace] == 3


class TestSnapshots:
    """Cards, curve and tables of a page are of one moment."""

    def test_what_comes_meanwhile_is_for_the_next_page(self, recording: Recording) -> None:
        """Somebody else brings the store up to date while a page is made: a command, or the server for a suite."""
        writer = recording.writer("0000000a")
        recording.request(writer, recording.trace({0: [6]}), NOW, test="first")
        with recording.recorded() as (figures, recorded):
            recording.request(writer, recording.trace({0: [7, 8]}), NOW + 1, test="second")
            reset(recording.run)
            with open_store(store_url(recording.run.path.parent.parent, None)) as store:
                store.sync(recording.run)
            assert recorded.requests.count() == figures.requests == 1
            assert [one.name for one in recorded.groups.executed("test")] == ["first"]
            assert all(record.trace in figures.lines for record in recorded.requests.newest())
        assert recording.figures().requests == 0

    def test_is_open_as_long_as_somebody_holds_it(self, recording: Recording) -> None:
        recording.request(recording.writer("0000000a"), recording.trace({0: [6]}), NOW)
        snapshot = snapshot_of(recording.reader)
        recording.request(recording.writer("0000000b"), recording.trace({0: [7]}), NOW)
        assert recording.figures().requests == 2
        with snapshot.recorded() as recorded:
            assert recorded.requests.count() == 1
        assert snapshot.hold()
        snapshot.release()
        snapshot.release()
        assert not snapshot.hold()

    def test_rest(self, recording: Recording) -> None:
        """Nothing is held then, and the next page is made anew."""
        recording.request(recording.writer("0000000a"), recording.trace({0: [6]}), NOW)
        snapshot = snapshot_of(recording.reader)
        snapshot.release()
        recording.reader.rest()
        assert not snapshot.hold()
        assert recording.figures().requests == 1
        recording.reader.rest()
        recording.reader.rest()

    def test_many_at_once(self, recording: Recording) -> None:
        """Pages of several threads while requests come in, and rests between them."""
        writer = recording.writer("0000000a")
        traces = [recording.trace({0: [line], 1: [line]}) for line in range(2, 30)]
        ends, faults = threading.Event(), []

        def look() -> None:
            while not ends.is_set():
                try:
                    snapshot = recording.reader.snapshot().content
                except NotYet:
                    continue
                try:
                    with recording.reader.recorded(snapshot) as recorded:
                        if recorded.requests.count() != snapshot.figures.requests or any(
                            record.trace not in snapshot.figures.lines for record in recorded.requests.newest()
                        ):
                            faults.append(snapshot.figures.requests)
                finally:
                    snapshot.release()

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number, trace in enumerate(traces):
            recording.request(writer, trace, NOW + number)
            if number % 7 == 0:
                recording.reader.rest()
            recording.figures()
        ends.set()
        for thread in threads:
            thread.join()
        assert faults == []


class TestCountingOnce:
    def test_the_next_process_reads_what_was_counted(
        self, recording: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        before = recording.figures()

        def count(self: StatementCounter, path: str) -> None:
            raise AssertionError(f"{path} is counted again")

        monkeypatch.setattr(StatementCounter, "count", count)
        with closing(RunReader(recording.config)) as reader:
            figures = figures_of(reader)
        assert shown(figures) == shown(before)
        assert figures.statements == before.statements

    def test_removed_store_is_made_anew(self, recording: Recording) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        # Read but once: the file was not there before.
        with recording.recorded() as (_, recorded):
            assert recorded.requests.count() == 1
        remove_store()
        with recording.recorded() as (_, recorded):
            assert recorded.requests.count() == 1

    def test_store_keeps_all(self, recording: Recording) -> None:
        counter = StatementCounter()
        counted = counter.count(str(recording.paths[0]))
        with open_store("sqlite:///store.sqlite3") as store:
            store.save_statements("rules", {"good": counted, "bad": "no Python"})
            # A second time, by another process.
            store.save_statements("rules", {"good": counted})
            assert store.load_statements("rules", ["good", "bad", "unknown"]) == {"good": counted, "bad": "no Python"}
            assert store.load_statements("others", ["good"]) == {}


def test_what_cannot_be_read_is_named(recording: Recording) -> None:
    writer = recording.writer("0000000a")
    recording.request(writer, recording.trace({0: [6]}), NOW)
    assert recording.figures().warnings == []
    writer.write(b"garbled\n")
    (warning,) = recording.figures().warnings
    assert "1 line cannot be read, skipped" in warning


def test_faults_are_told(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)

    def sync(self: Store, folder: RunFolder, progress: object = None) -> int:
        raise DataError("the store is broken")

    with monkeypatch.context() as broken:
        broken.setattr(Store, "sync", sync)
        with pytest.raises(DataError, match="the store is broken"):
            recording.figures()
    # It is tried again.
    assert recording.figures().executed == 1
