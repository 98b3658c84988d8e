"""The lines of tests, from journals that are written in any order, checked against the run as `read_run` reads it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.tail import Tail
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.keploy.collector import Collector
from flask_livecoverage.model.records import NO_TEST_NAME

HEADER = {
    "pid": 1, "started_at": 1.0, "root": "/", "engine": "ctrace", "reason": "", "branch": False, "python": "3.11.0",
}  # fmt: skip


class Run:
    """Writes the journals of a run's processes, and windows as a recorder does."""

    def __init__(self, path: Path) -> None:
        self.folder = RunFolder(path)
        self.journals = [Journal(path, HEADER) for _ in range(2)]
        self._ids = itertools.count(1)
        # Strictly ascending.
        self._times = (time.time() + tick / 1000 for tick in itertools.count())
        self.flushed = 0

    def open_window(self, name: str) -> None:
        self.journals[0].append_object("window", name=name, at=next(self._times))

    def close_window(self) -> None:
        self.open_window("")

    def flush(self) -> None:
        self.flushed += 1

    def begin(self) -> float:
        return next(self._times)

    def request(self, line: int, *, test: str | None = None, began: float | None = None, process: int = 0) -> str:
        """Write a request that executed one line, and return its id."""
        request_id = f"r-{next(self._ids)}"
        self.journals[process].append_object(
            "request", id=request_id, trace=self._trace(line, process), method="GET", path="/", status=200,
            started_at=next(self._times) if began is None else began, duration_ms=1.0, test=test, route=None,
            endpoint=None,
        )  # fmt: skip
        return request_id

    def amend(self, request_id: str, line: int, process: int = 0) -> None:
        self.journals[process].append_object("amend", id=request_id, trace=self._trace(line, process))

    def _trace(self, line: int, process: int) -> str:
        files = {"/a.py": {"content": "c", "lines": f"{1 << line:x}"}}
        self.journals[process].append_object("trace", id=f"t-{line}", files=files)
        return f"t-{line}"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path / "runs" / "r")
    yield run
    for journal in run.journals:
        journal.close()


@pytest.fixture
def collector(run: Run) -> Collector:
    return Collector(Tail(run.folder), run)


def end(collector: Collector, test: str) -> list[int] | None:
    lines = collector.end(test)
    return lines if lines is None else lines.get("/a.py", [])


def test_the_window_is_that_of_the_last_test_still_open(run: Run, collector: Collector) -> None:
    run.request(1)
    collector.start("a")
    run.request(2)
    collector.start("b")
    run.request(3, process=1)
    collector.start("c")
    run.request(4)
    assert end(collector, "b") == [3]
    run.request(5)
    assert end(collector, "c") == [4, 5]
    run.request(6, process=1)
    assert end(collector, "a") == [2, 6]
    run.request(7)
    assert end(collector, "a") is None
    assert collector.idle
    tests = {request.trace: request.test for request in read_run(run.folder).requests}
    assert tests == {"t-1": None, "t-2": "a", "t-3": "b", "t-4": "c", "t-5": "c", "t-6": "a", "t-7": None}


def test_a_request_belongs_to_the_window_in_which_it_began(run: Run, collector: Collector) -> None:
    collector.start("a")
    began = run.begin()
    collector.start("b")
    run.request(1, began=began)
    assert end(collector, "b") == []
    assert end(collector, "a") == [1]


def test_request_of_no_test_is_not_in_the_window(run: Run, collector: Collector) -> None:
    collector.start("a")
    run.request(1, test=NO_TEST_NAME)
    run.request(2)
    assert end(collector, "a") == [2]
    assert [request.test for request in read_run(run.folder).requests] == [None, "a"]


def test_request_from_before_a_test_does_not_belong_to_it(run: Run, collector: Collector) -> None:
    collector.start("a")
    began = run.begin()
    assert end(collector, "a") == []
    collector.start("a")
    run.request(1, began=began)
    assert end(collector, "a") == []


def test_amends(run: Run, collector: Collector) -> None:
    collector.start("a")
    first = run.request(1)
    run.amend(first, 2)
    # A forked child writes to a journal of its own, possibly before its parent has written the request.
    early = run.request(3, process=1)
    run.amend(early, 4)
    run.amend("r-3", 5)
    collector.start("b")
    assert run.request(6, test="a") == "r-3"
    assert end(collector, "b") == []
    assert end(collector, "a") == [1, 2, 3, 4, 5, 6]
    collector.start("c")
    run.amend(first, 7)
    assert end(collector, "c") == []


def test_a_window_written_between_two_reads(run: Run, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    """The window's journal is read first, then window and request are written, then the request's journal is read."""
    collector.start("a")
    run.request(9, process=1)
    collector.start("b")
    paths = [journal.path for journal in run.journals]

    def interrupted(folder: RunFolder) -> Iterator[Path]:
        monkeypatch.setattr(RunFolder, "journals", lambda self: paths)
        yield paths[0]
        run.open_window("by hand")
        run.request(1, process=1)
        yield from paths[1:]

    monkeypatch.setattr(RunFolder, "journals", interrupted)
    assert end(collector, "b") == []
    assert end(collector, "a") == [9]
    assert {request.test for request in read_run(run.folder).requests} == {"a", "by hand"}


def test_late_lines_are_flushed(run: Run, collector: Collector) -> None:
    collector.start("a")
    assert run.flushed == 0
    end(collector, "a")
    assert run.flushed == 1


def test_ending_all_closes_the_window(run: Run, collector: Collector) -> None:
    collector.start("a")
    collector.start("b")
    collector.end_all()
    run.request(1)
    assert collector.idle
    assert read_run(run.folder).open_window is None
    collector.end_all()
    assert len(read_run(run.folder).windows) == 2


def test_ended_tests_leave_nothing_in_memory(run: Run, collector: Collector) -> None:
    for number in range(100):
        collector.start("a")
        run.amend(run.request(number % 3), 4)
        end(collector, "a")
    collector.start("a")
    assert collector.fold.windows() == []
    assert collector.fold.requests == collector.fold.waiting == {}
