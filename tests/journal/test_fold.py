"""The rules by which lines become records, one by one.

Tests ``journal.fold``, ``journal.windows`` and ``journal.window_switch``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal.fold import RequestFold
from flask_livecoverage.journal.format import objects, pop_kind
from flask_livecoverage.journal.reader import read_run, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.window_switch import WindowSwitch
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.records import NO_TEST_NAME, RequestRecord, Trace, Window

from ..support.journals import Writer, run_folder, trace_of

FILE = "/srv/app.py"
FIRST, SECOND, THIRD = (trace_of({FILE: [line]}) for line in (1, 2, 3))
TRACES = {trace.id: trace for trace in (FIRST, SECOND, THIRD)}

Line = tuple[str, dict[str, Any]]


def request(number: int, at: float, test: str | None = None, trace: Trace = FIRST) -> Line:
    return "request", {
        "id": f"r-{number}", "trace": trace.id, "method": "GET", "path": "/", "route": None, "endpoint": None,
        "status": 200, "started_at": at, "duration_ms": 1.0, "test": test,
    }  # fmt: skip


def amend(number: int, trace: Trace, **changes: Any) -> Line:
    return "amend", {"id": f"r-{number}", "trace": trace.id, **changes}


def window(name: str, at: float) -> Line:
    return "window", {"name": name, "at": at}


def folded(*lines: Line) -> RequestFold:
    fold = RequestFold()
    for kind, line in lines:
        assert fold.add(kind, dict(line), pid=7)
    return fold


def owners(fold: RequestFold) -> list[tuple[str | None, str | None]]:
    """Return the test and the window of each request, in the order of their ids."""
    records = fold.assign_windows(fold.requests[key].record for key in sorted(fold.requests))
    return [(record.test, record.window) for record in records]


def combined(fold: RequestFold, number: int = 1, traces: dict[str, Trace] = TRACES) -> tuple[RequestRecord, Any]:
    record, trace = fold.requests[f"r-{number}"].combined(traces)
    return record, trace and trace.line_numbers().get(FILE, [])


def test_record_has_the_fields_of_its_line_and_the_process() -> None:
    kind, line = request(1, 5.0, "a test")
    assert folded((kind, line)).requests["r-1"].record == RequestRecord(pid=7, **line)


def test_lines_of_other_kinds_are_left_to_the_caller() -> None:
    fold = RequestFold()
    for kind in ("process", "sources", "rules", "trace", "ambient", "lost", "gone", "of a newer version"):
        assert not fold.add(kind, {})
    assert (fold.requests, fold.waiting, fold.windows()) == ({}, {}, [])


class TestOwner:
    """The test that a request names, else the window in which it began, else none."""

    def test_test_that_the_request_names(self) -> None:
        assert owners(folded(request(1, 5.0, "own"))) == [("own", None)]

    def test_named_test_comes_before_the_window(self) -> None:
        assert owners(folded(window("w", 1.0), request(1, 5.0, "own"))) == [("own", "w")]

    def test_window_in_which_it_began(self) -> None:
        assert owners(folded(window("w", 1.0), request(1, 5.0))) == [("w", "w")]

    def test_none_without_a_window(self) -> None:
        fold = folded(request(1, 0.5), window("w", 1.0), window("", 4.0), request(2, 5.0))
        assert owners(fold) == [(None, None)] * 2

    def test_empty_test_is_no_test_and_no_window(self) -> None:
        assert owners(folded(window("w", 1.0), request(1, 5.0, NO_TEST_NAME))) == [(None, None)]

    def test_window_contains_its_opening_and_not_its_closing(self) -> None:
        fold = folded(window("w", 1.0), window("", 2.0), request(1, 1.0), request(2, 2.0))
        assert owners(fold) == [("w", "w"), (None, None)]

    def test_time_of_the_start_decides(self) -> None:
        """Not the end of the response, and not the order of the lines."""
        fold = folded(window("w", 1.0), window("", 2.0), request(1, 1.5), amend(1, SECOND, duration_ms=60_000.0))
        assert owners(fold) == [("w", "w")]

    @given(order=st.permutations(range(7)))
    def test_any_order_of_the_lines_gives_the_same(self, order: list[int]) -> None:
        """Journals are read one after the other, and any process may open or close a window."""
        lines = [
            window("first", 1.0), request(1, 1.5), window("second", 2.0), request(2, 2.5, "own"), window("", 3.0),
            request(3, 3.5), amend(3, SECOND),
        ]  # fmt: skip
        fold = folded(*(lines[index] for index in order))
        assert owners(fold) == [("first", "first"), ("own", "second"), (None, None)]
        assert fold.windows() == [Window("first", 1.0, 2.0), Window("second", 2.0, 3.0)]
        assert combined(fold, 3)[1] == [1, 2]


class TestOneWindowAtATime:
    def test_opening_closes_the_open_one(self) -> None:
        fold = folded(window("first", 1.0), window("second", 2.0))
        assert fold.windows() == [Window("first", 1.0, 2.0), Window("second", 2.0)]

    def test_window_can_be_opened_again(self) -> None:
        fold = folded(window("w", 1.0), window("w", 2.0), window("", 3.0))
        assert fold.windows() == [Window("w", 1.0, 2.0), Window("w", 2.0, 3.0)]

    def test_closing_without_an_open_one_does_nothing(self) -> None:
        fold = folded(window("", 0.5), window("w", 1.0), window("", 2.0), window("", 3.0))
        assert fold.windows() == [Window("w", 1.0, 2.0)]

    @given(events=st.lists(st.tuples(st.integers(0, 5).map(float), st.sampled_from(["", "a", "b"])), max_size=8))
    def test_windows_never_overlap(self, events: list[tuple[float, str]]) -> None:
        windows = folded(*(window(name, at) for at, name in events)).windows()
        for one, following in pairwise(windows):
            assert one.closed_at is not None
            assert one.opened_at <= one.closed_at <= following.opened_at
        assert sorted(one.name for one in windows) == sorted(name for _, name in events if name)


class TestLateLines:
    def test_lines_are_added(self) -> None:
        assert combined(folded(request(1, 5.0), amend(1, SECOND), amend(1, THIRD)))[1] == [1, 2, 3]

    def test_record_names_the_trace_of_all_lines(self) -> None:
        record, _ = combined(folded(request(1, 5.0), amend(1, SECOND)))
        assert record.trace == (FIRST | SECOND).id

    def test_status_and_duration_are_replaced_in_their_order(self) -> None:
        changes: list[dict[str, Any]] = [{"status": 500, "duration_ms": 2.0}, {}, {"status": 404, "duration_ms": 3.0}]
        record, _ = combined(folded(request(1, 5.0), *(amend(1, SECOND, **change) for change in changes)))
        assert (record.status, record.duration_ms) == (404, 3.0)

    def test_line_of_a_forked_child_changes_no_field(self) -> None:
        record, _ = combined(folded(request(1, 5.0, "own"), amend(1, SECOND)))
        assert (record.status, record.duration_ms, record.started_at, record.test) == (200, 1.0, 5.0, "own")

    @pytest.mark.parametrize(("ended", "under_way"), [([], False), ([False], True), ([False, True], False)])
    def test_stream_is_under_way_until_its_end(self, ended: list[bool], under_way: bool) -> None:
        record, _ = combined(folded(request(1, 5.0), *(amend(1, FIRST, ended=value) for value in ended)))
        assert record.under_way is under_way

    def test_traces_are_listed_with_the_first_one_first(self) -> None:
        fold = folded(request(1, 5.0), amend(1, THIRD), amend(1, SECOND))
        assert fold.requests["r-1"].traces == [FIRST.id, THIRD.id, SECOND.id]

    def test_of_a_file_that_has_changed_the_later_content_counts(self) -> None:
        changed = trace_of({FILE: [9]}, content="changed")
        fold = folded(request(1, 5.0), amend(1, changed), amend(1, SECOND))
        assert combined(fold, traces={**TRACES, changed.id: changed})[1] == [2]

    def test_request_whose_trace_is_missing_has_no_lines(self) -> None:
        """Late lines alone would look like all lines of the request."""
        fold = folded(request(1, 5.0), amend(1, SECOND, status=500))
        record, lines = combined(fold, traces={SECOND.id: SECOND})
        assert (record.trace, record.status, lines) == (FIRST.id, 200, None)

    def test_late_line_whose_trace_is_missing_is_left_out_with_its_changes(self) -> None:
        fold = folded(request(1, 5.0), amend(1, SECOND, status=500), amend(1, THIRD, duration_ms=9.0))
        record, lines = combined(fold, traces={FIRST.id: FIRST, THIRD.id: THIRD})
        assert (record.status, record.duration_ms, lines) == (200, 9.0, [1, 3])


class TestEarlyLateLines:
    """A forked child may write before its parent, and its journal may be read first."""

    def test_are_kept_until_the_record_is_read(self) -> None:
        fold = folded(amend(1, SECOND, status=500))
        assert (fold.requests, [late.trace for late in fold.waiting["r-1"]]) == ({}, [SECOND.id])
        assert fold.add(*request(1, 5.0))
        assert fold.waiting == {}
        record, lines = combined(fold)
        assert (record.status, lines) == (500, [1, 2])

    def test_come_before_those_that_are_read_later(self) -> None:
        fold = folded(amend(1, SECOND, status=501), amend(1, SECOND, status=502), request(1, 5.0))
        assert combined(fold)[0].status == 502
        assert fold.add(*amend(1, THIRD, status=503))
        assert combined(fold)[0].status == 503

    def test_belong_to_their_request_alone(self) -> None:
        fold = folded(amend(1, SECOND), request(2, 5.0))
        assert combined(fold, 2)[1] == [1]
        assert fold.waiting.keys() == {"r-1"}

    @given(traces=st.lists(st.sampled_from([FIRST, SECOND, THIRD]), max_size=4), position=st.integers(0, 4))
    def test_position_of_the_record_among_them_does_not_matter(self, traces: list[Trace], position: int) -> None:
        late = [amend(1, trace, status=400 + number) for number, trace in enumerate(traces)]
        fold = folded(*late[:position], request(1, 5.0), *late[position:])
        assert combined(fold) == combined(folded(request(1, 5.0), *late))

    def test_record_that_is_copied_keeps_them(self) -> None:
        fold = folded(request(1, 5.0), amend(1, SECOND), request(1, 5.0))
        assert combined(fold)[1] == [1, 2]
        assert len(fold.requests) == 1


def test_clear_removes_all() -> None:
    fold = folded(window("w", 1.0), request(1, 5.0), amend(1, SECOND), amend(2, SECOND))
    fold.clear()
    assert (fold.requests, fold.waiting, fold.windows()) == ({}, {}, [])


class TestResets:
    """The reader adds only the requests after the mark, and keeps all else."""

    @pytest.fixture
    def writer(self, tmp_path: Path) -> Writer:
        return Writer(run_folder("run", tmp_path), "aaaaaaaa")

    def test_requests_before_count_no_more(self, writer: Writer) -> None:
        writer.request(FIRST, 1.0)
        reset(writer.folder)
        later = writer.request(SECOND, 2.0)
        run = read_run(writer.folder, since_mark=True)
        assert [record.id for record in run.requests] == [later]
        assert list(run.before_reset) == [FIRST.id]
        assert len(read_run(writer.folder).requests) == 2

    def test_window_from_before_still_contains_requests(self, writer: Writer) -> None:
        writer.line("window", name="w", at=1.0)
        reset(writer.folder)
        writer.request(FIRST, 2.0)
        (record,) = read_run(writer.folder, since_mark=True).requests
        assert (record.test, record.window) == ("w", "w")

    def test_losses_from_before_are_still_counted(self, writer: Writer) -> None:
        writer.line("lost", count=3, reason="no space")
        reset(writer.folder)
        assert read_run(writer.folder, since_mark=True).lost == 3

    def test_late_lines_of_an_earlier_request_are_ambient_as_far_as_they_are_new(self, writer: Writer) -> None:
        earlier = writer.request(FIRST, 1.0)
        reset(writer.folder)
        writer.line("amend", id=earlier, trace=writer.trace(FIRST | SECOND))
        run = read_run(writer.folder, since_mark=True)
        assert run.requests == []
        assert [run.traces[trace].line_numbers() for trace in run.ambient] == [{FILE: [2]}]

    def test_late_lines_of_a_later_request_are_added_to_it(self, writer: Writer) -> None:
        reset(writer.folder)
        later = writer.request(FIRST, 1.0)
        writer.line("amend", id=later, trace=writer.trace(SECOND))
        run = read_run(writer.folder, since_mark=True)
        assert run.traces[run.requests[0].trace].line_numbers() == {FILE: [1, 2]}
        assert run.ambient == []


class FailingJournal(Journal):
    """A journal that can write a line, or cannot."""

    is_full = False

    def append_object(self, kind: str, **fields: Any) -> bool:
        return not self.is_full and super().append_object(kind, **fields)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return run_folder("run", tmp_path)


def switch_of(run: RunFolder) -> tuple[WindowSwitch, FailingJournal]:
    header = {"pid": 1, "started_at": 1.0, "root": "/", "engine": "", "reason": "", "branch": False, "python": "3"}
    journal = FailingJournal(run.path, header)
    return WindowSwitch(run, journal, run.clock()), journal


def fold_of(journal: Journal) -> RequestFold:
    fold = RequestFold()
    for _, line in objects(journal.path.read_bytes() if journal.path.exists() else b""):
        fold.add(pop_kind(line), line or {})
    return fold


def open_window(fold: RequestFold) -> str | None:
    """Return the name of the open window, by the lines alone."""
    windows = fold.windows()
    return windows[-1].name if windows and windows[-1].closed_at is None else None


class TestSwitching:
    """A window is opened and closed by a line and by a file: both change, or none."""

    def test_open_and_close(self, run: RunFolder) -> None:
        switch, journal = switch_of(run)
        switch.open("w")
        assert (open_window(fold_of(journal)), run.has_open_window()) == ("w", True)
        switch.close()
        assert (open_window(fold_of(journal)), run.has_open_window()) == (None, False)
        journal.close()

    def test_line_that_cannot_be_written_opens_nothing(self, run: RunFolder) -> None:
        switch, journal = switch_of(run)
        journal.is_full = True
        with pytest.raises(StorageError, match="no window was opened"):
            switch.open("w")
        assert (open_window(fold_of(journal)), run.has_open_window()) == (None, False)

    def test_line_that_cannot_be_written_leaves_the_earlier_window_open(self, run: RunFolder) -> None:
        switch, journal = switch_of(run)
        switch.open("first")
        journal.is_full = True
        with pytest.raises(StorageError, match="no window was opened"):
            switch.open("second")
        assert (open_window(fold_of(journal)), run.has_open_window()) == ("first", True)
        journal.close()

    def test_line_that_cannot_be_written_closes_nothing(self, run: RunFolder) -> None:
        switch, journal = switch_of(run)
        switch.open("w")
        journal.is_full = True
        with pytest.raises(StorageError, match="the window is still open"):
            switch.close()
        assert (open_window(fold_of(journal)), run.has_open_window()) == ("w", True)
        journal.close()

    def test_file_that_cannot_be_created_opens_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("in the way")
        run = RunFolder(tmp_path / "data" / "runs" / "run")
        switch, journal = switch_of(run)
        with pytest.raises(StorageError, match="no window was opened"):
            switch.open("w")
        assert (open_window(fold_of(journal)), run.has_open_window()) == (None, False)

    @settings(max_examples=50, deadline=None)
    @given(steps=st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.booleans()), max_size=8))
    def test_line_and_file_agree_after_any_steps(self, steps: list[tuple[str, bool]]) -> None:
        with TemporaryDirectory() as folder:
            run = run_folder("run", Path(folder) / "data")
            switch, journal = switch_of(run)
            expected: str | None = None
            for name, journal.is_full in steps:
                try:
                    switch.open(name) if name else switch.close()
                except StorageError:
                    assert journal.is_full
                    # Closing needs an open window, which the recorder checks before it closes.
                    if not name and expected is None:
                        run.set_open_window(None)
                else:
                    expected = name or None
                assert (open_window(fold_of(journal)), run.has_open_window()) == (expected, expected is not None)
            journal.close()
