"""Journals read into the store, compared with the reader, which reads a whole run at once and is the oracle.

Tests ``store.ingest.batch``, ``store.ingest.interning``, ``store.ingest.late_updates``,
``store.ingest.window_events``, ``store.windows`` and ``store.queries.window_queries``.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Set
from inspect import signature
from itertools import chain
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.control.json_answers import JsonAnswers
from flask_livecoverage.journal.reader import read_run, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import NO_TEST_NAME, Window
from flask_livecoverage.queries.window_summary import WindowHistories
from flask_livecoverage.store import schema
from flask_livecoverage.store.ingest.batch import RequestRow

from ...support.journals import Writer, run_folder, trace_of
from ..runs import NOW, TRACES, assert_equal, by_id, recorded, synced

# Lines that cannot be read, a line of an unknown kind, and half a line, after which the process's next line follows.
_BROKEN = [
    b"{\n", b"\n", b"[1]\n", b'{"type":"request"}\n', b"\xff\xfe\n", b'{"type":"window","name":"w"}\n',
    b'{"type":"weather","sun":[1]}\n', b'{"type":"request","id":"',
]  # fmt: skip

# Actions of processes, one after the other. Numbers choose among the existing processes, requests and traces.
_number = st.integers(0, 5)
# Seconds: an event may be at the moment of a request or of another event, and before requests that are stored already.
_ago = st.sampled_from([0, 0.5, 1.5, 4.5])

_events = st.lists(
    st.one_of(
        st.tuples(
            st.just("request"), _number, _number, st.sampled_from([None, "a", NO_TEST_NAME]),
            st.sampled_from([0, 0, 0, 1, 4]),
            st.sampled_from([200, 404]), st.sampled_from(["/", "/x", None]), st.booleans(),
        ),
        st.tuples(
            st.just("amend"), _number, _number, _number, st.booleans(), st.sampled_from([None, False, True]),
            st.sampled_from([404, 500]),
        ),
        st.tuples(st.just("early"), _number, _number, _number),
        st.tuples(st.just("open"), _number, st.sampled_from(["w1", "w2", "a"]), _ago),
        st.tuples(st.just("close"), _number, _ago),
        st.tuples(st.just("ambient"), _number, _number),
        st.tuples(st.just("broken"), _number, st.sampled_from(_BROKEN)),
        st.tuples(st.just("reset")),
        st.tuples(st.just("sync")),
        st.tuples(st.just("summary")),
        st.tuples(st.just("half"), _number),
    ),
    # Enough for most lists to hold windows, requests in them, and late lines.
    min_size=10, max_size=30,
)  # fmt: skip


class _World:
    """Three processes of a run that perform the given actions."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.writers = [Writer(folder, f"{n:08x}", pid=100 + n) for n in range(3)]
        self.requests: list[str] = []
        # The processes that still have to write a request of which another process has written late lines.
        self.awaited: dict[str, Writer] = {}
        self.now = NOW
        self.rest: tuple[Writer, bytes] | None = None
        self.histories = WindowHistories()

    def do(self, event: tuple[Any, ...]) -> None:
        self.now += 1
        name, *arguments = event
        if self.rest is not None:
            writer, data = self.rest
            writer.write(data)
            self.rest = None
        getattr(self, name)(*arguments)

    def writer(self, number: int) -> Writer:
        return self.writers[number % len(self.writers)]

    def request(
        self, who: int, what: int, test: str | None, late: int, status: int, route: str | None, traced: bool
    ) -> None:
        endpoint = route and "view"
        writer = self.writer(who)
        self.requests.append(
            writer.request(
                TRACES[what % len(TRACES)], self.now - late - 0.5, traced=traced, test=test, status=status, route=route,
                endpoint=endpoint, duration_ms=round(who * 1.001, 3),
            )
        )  # fmt: skip
        self.awaited.pop(self.requests[-1], None)

    def early(self, who: int, what: int, child: int) -> None:
        """Write a late line of the next request of a process into the journal of another one."""
        parent, writer = self.writer(who), self.writer(who + 1 + child % 2)
        request = f"{parent.token}-{parent.numbers + 1}"
        writer.line("amend", id=request, trace=writer.trace(TRACES[what % len(TRACES)]))
        self.awaited[request] = parent

    def amend(self, which: int, what: int, who: int, forked: bool, ended: bool | None, status: int) -> None:
        if self.requests:
            request = self.requests[which % len(self.requests)]
            own = next(writer for writer in self.writers if request.startswith(writer.token))
            writer = self.writer(who) if forked else own
            more: dict[str, Any] = {} if forked else {"status": status, "duration_ms": status / 100}
            if ended is not None and not forked:
                more["ended"] = ended
            writer.line("amend", id=request, trace=writer.trace(TRACES[what % len(TRACES)]), **more)

    def open(self, who: int, name: str, ago: float) -> None:
        self.writer(who).line("window", name=name, at=self.now - ago)

    def close(self, who: int, ago: float) -> None:
        self.open(who, "", ago)

    def ambient(self, who: int, what: int) -> None:
        writer = self.writer(who)
        writer.line("ambient", trace=writer.trace(TRACES[what % len(TRACES)]))

    def broken(self, who: int, data: bytes) -> None:
        self.writer(who).write(data)

    def reset(self) -> None:
        reset(self.folder)

    def sync(self) -> None:
        with synced(self.folder):
            pass

    def summary(self) -> None:
        with recorded(self.folder) as found:
            if (last := found.windows.last()) is not None:
                JsonAnswers(found, [], "run").window(self.histories, last[0])

    def half(self, who: int) -> None:
        """Write half a line, and synchronise before the other half is written."""
        writer = self.writer(who)
        line = json.dumps({"type": "window", "name": "half", "at": self.now}, separators=(",", ":")).encode() + b"\n"
        writer.write(line[:20])
        self.sync()
        self.rest = writer, line[20:]

    def finish(self, killed: Set[int]) -> None:
        """Write what is still missing: awaited requests, and traces that children leave out because of their parent.

        The processes with the numbers ``killed`` do not write their requests.
        """
        for number in map(self.writers.index, list(self.awaited.values())):
            if number not in killed:
                self.do(("request", number, 1, None, 0, 200, "/", True))
        for trace in TRACES:
            self.writers[0].trace(trace)


class TestPositionalRows:
    """Rows are inserted and read back as plain tuples, in the order of the table's columns."""

    def test_requests(self) -> None:
        assert list(signature(RequestRow).parameters) == [column.name for column in schema.requests.c]

    def test_executions(self) -> None:
        keys = ["period", "trace", "test", "route", "window", "status"]
        assert [column.name for column in schema.executions.c.values() if column.primary_key] == keys
        sums = ["requests", "duration_us", "first_at", "last_at"]
        assert [column.name for column in schema.executions.c] == [*keys, *sums]


class TestAgainstReader:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(events=_events, killed=st.sets(st.integers(0, 2)))
    def test_whatever_the_processes_do(self, events: list[tuple[Any, ...]], killed: set[int]) -> None:
        shutil.rmtree(".livecov", ignore_errors=True)
        world = _World(run_folder())
        for event in events:
            world.do(event)
        world.finish(killed)
        run, since = read_run(world.folder), read_run(world.folder, since_mark=True)
        with recorded(world.folder) as found:
            assert_equal(found, run, world.histories)
        periods = [self.requests_in(world.folder, period) for period in range(len(world.folder.marks()) + 1)]
        assert periods[-1] == sorted(request.id for request in since.requests)
        assert sorted(chain.from_iterable(periods)) == sorted(request.id for request in run.requests)

    def requests_in(self, folder: RunFolder, period: int) -> list[str]:
        with recorded(folder, period=period) as found:
            return sorted(by_id(found.requests.newest()))

    def test_late_lines_that_are_stored_before_their_request(self) -> None:
        """A forked child may write before its parent."""
        folder = run_folder()
        child, parent = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        child.line("amend", id="bbbbbbbb-1", trace=child.trace(TRACES[3]))
        with recorded(folder) as found:
            assert found.requests.newest() == []
        parent.request(TRACES[1], NOW)
        with recorded(folder) as found:
            assert [record.trace for record in found.requests.newest()] == [(TRACES[1] | TRACES[3]).id]
            assert_equal(found, read_run(folder))

    def test_late_lines_whose_request_is_never_written(self) -> None:
        """Its process was killed. Until a record is stored, the lines are those of no request."""
        folder, histories = run_folder(), WindowHistories()
        child, parent = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        parent.line("window", name="w", at=NOW)
        for trace in (TRACES[0], TRACES[3]):
            child.line("amend", id="bbbbbbbb-1", trace=child.trace(trace))
        run = read_run(folder)
        assert run.ambient == [TRACES[3].id]
        with recorded(folder) as found:
            assert found.lines.ambient() == [TRACES[3]]
            assert_equal(found, run, histories)
        parent.request(TRACES[1], NOW + 1)
        with recorded(folder) as found:
            assert found.lines.ambient() == []
            assert_equal(found, read_run(folder), histories)

    def test_window_that_loses_its_requests_between_summaries(self) -> None:
        """Another window is opened after it and before its requests, by a process that writes later."""
        folder, histories = run_folder(), WindowHistories()
        first, second = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        first.line("window", name="w1", at=NOW)
        first.request(TRACES[1], NOW + 2)
        with recorded(folder) as found:
            assert_equal(found, read_run(folder), histories)
        second.line("window", name="w2", at=NOW + 1)
        with recorded(folder) as found:
            summary = JsonAnswers(found, [], "run").window(histories, Window("w2", NOW + 1))
            assert summary == {
                "name": "w2",
                "requests": 1,
                "files": 1,
                "lines": 3,
                "new_lines": 3,
                "duplicate_of": None,
            }
            assert_equal(found, read_run(folder), histories)

    def test_unknown_kinds_are_skipped(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.line("weather", sun=[True])
        writer.request(TRACES[1], NOW)
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert store.warnings == []
            assert_equal(found, read_run(folder))

    def test_request_that_is_stored_before_its_window(self) -> None:
        """Another process opened the window, and its journal is read after the journal of the request."""
        folder = run_folder()
        first, second = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        first.request(TRACES[1], NOW + 5)
        first.request(TRACES[1], NOW + 15, test="named")
        with recorded(folder) as found:
            assert [record.window for record in found.requests.newest()] == [None, None]
        second.line("window", name="w", at=NOW)
        with recorded(folder) as found:
            assert [(record.window, record.test) for record in found.requests.newest()] == [("w", "named"), ("w", "w")]
            assert_equal(found, read_run(folder))
        second.line("window", name="", at=NOW + 10)
        with recorded(folder) as found:
            assert [record.window for record in found.requests.newest()] == [None, "w"]
            assert_equal(found, read_run(folder))

    def test_requests_that_belong_to_no_test(self) -> None:
        """Stored before and after the window, which another process opens."""
        folder = run_folder()
        first, second = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        first.request(TRACES[1], NOW + 1, test=NO_TEST_NAME)
        with recorded(folder) as found:
            assert [(record.window, record.test) for record in found.requests.newest()] == [(None, None)]
        second.line("window", name="w", at=NOW)
        first.request(TRACES[2], NOW + 2, test=NO_TEST_NAME)
        first.request(TRACES[2], NOW + 3)
        with recorded(folder) as found:
            assert [(record.window, record.test) for record in found.requests.newest()] == [
                ("w", "w"), (None, None), (None, None),
            ]  # fmt: skip
            assert found.windows.last() == (Window("w", NOW), 1)
            assert found.requests.count_without_test() == 2
            assert_equal(found, read_run(folder))

    def test_resets_divide_the_run(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        ids = []
        for number in range(3):
            ids.append(writer.request(TRACES[1], NOW + number))
            reset(folder)
        for period, request_id in enumerate(ids):
            with recorded(folder, period=period) as found:
                assert [record.id for record in found.requests.newest()] == [request_id]
                assert found.requests.count() == 1
        with recorded(folder, period=3) as found:
            assert found.requests.newest() == []

    def test_torn_lines_that_form_a_valid_object_together(self) -> None:
        """Many lines are parsed at once, with commas between them."""
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], NOW)
        line = writer.path.read_bytes().splitlines()[-1].replace(b'-1"', b'-2"', 1)
        head, tail = line.split(b",", 1)
        writer.write(head + b"\n" + tail + b"\n")
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert [record.id for record in found.requests.newest()] == ["aaaaaaaa-1"]
            assert store.warnings == [f"{writer.path}: 2 lines cannot be read, skipped"]

    def test_trace_that_only_the_journal_of_another_process_holds(self) -> None:
        """A forked child does not write its parent's traces again, and its journal may be read first."""
        folder = run_folder()
        child = Writer(folder, "aaaaaaaa")
        request_id = child.request(TRACES[1], NOW, traced=False)
        child.line("amend", id=request_id, trace=TRACES[3].id)
        with recorded(folder) as found:
            assert [record.trace for record in found.requests.newest()] == [TRACES[1].id]
            assert found.lines.traces() == {}
            assert found.lines.union([TRACES[1].id]).files == {}
        parent = Writer(folder, "bbbbbbbb")
        for trace in (TRACES[1], TRACES[3]):
            parent.trace(trace)
        with recorded(folder) as found:
            whole = TRACES[1] | TRACES[3]
            assert [record.trace for record in found.requests.newest()] == [whole.id]
            assert found.lines.traces() == {whole.id: whole}
            assert_equal(found, read_run(folder))

    def test_line_copied_to_another_place(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], NOW)
        line = writer.path.read_bytes().splitlines(keepends=True)[-1]
        with recorded(folder):
            writer.write(line)
        with recorded(folder) as found:
            assert found.requests.count() == len(found.requests.newest()) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"started_at": float("nan")}, {"started_at": 1e300}, {"status": 10**30}, {"status": True}, {"id": "x"},
            {"id": "x--1"}, {"id": "x-" + "9" * 5000},
        ],
    )  # fmt: skip
    def test_numbers_that_no_database_accepts(self, change: dict[str, Any]) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], **{"started_at": NOW, **change})
        writer.request(TRACES[1], NOW)
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 1
            assert store.warnings == [f"{writer.path}: 1 line cannot be read, skipped"]

    def test_text_that_no_database_accepts(self) -> None:
        """A file name of bytes that are not UTF-8, as Python decodes it."""
        folder = run_folder()
        trace = trace_of({"/srv/caf\udce9.py": [3]})
        Writer(folder, "aaaaaaaa").request(trace, NOW, path="/\udcff", test="\ud800")
        with recorded(folder) as found:
            (record,) = found.requests.newest()
            assert (record.trace, record.path, record.test) == (trace.id, "/\\udcff", "\\ud800")
            (lines,) = found.lines.traces().values()
            assert list(lines.line_numbers().values()) == [[3]]


class TestBoundsOfWindows:
    def test_event_at_the_same_moment_as_a_request(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.line("window", name="w", at=NOW)
        writer.request(TRACES[1], NOW)
        writer.line("window", name="", at=NOW + 1)
        writer.request(TRACES[1], NOW + 1)
        with recorded(folder) as found:
            assert [record.window for record in found.requests.newest()] == [None, "w"]
            assert_equal(found, read_run(folder))
