"""The store tells what the journals tell: the reader, which reads a whole run at once, is the second opinion."""

from __future__ import annotations

import gc
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.control.records import Records
from flask_livecoverage.errors import ConfigurationError, DataError
from flask_livecoverage.journal.reader import read_run, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.model.filters import Filters, parse_since, parse_status
from flask_livecoverage.model.records import NO_ROUTE, NOBODY, Executed, RequestRecord, Run, Window
from flask_livecoverage.queries.window_summary import WindowHistories
from flask_livecoverage.store import RunQueries, Store, StoreHandle, open_store, schema, store_url
from flask_livecoverage.store.ingest import sync

from ..support.journals import Writer, remove_store, run_folder, trace_of
from ..support.window_summary import summarise_window

NOW = 1_700_000_000.0

FILES = ("/srv/app.py", "/srv/models.py", "/elsewhere/lib.py")
TRACES = [
    trace_of({}),
    trace_of({FILES[0]: [1, 2, 3]}),
    trace_of({FILES[0]: [1, 2, 9], FILES[1]: [7]}),
    trace_of({FILES[1]: [7, 8, 300]}),
    trace_of({FILES[2]: [64, 65]}),
]


@contextmanager
def recorded(folder: RunFolder, *, period: int | None = None) -> Iterator[RunQueries]:
    with synced(folder) as (store, run), store.recorded([run], period=period) as found:
        yield found


@contextmanager
def synced(folder: RunFolder) -> Iterator[tuple[Store, int]]:
    with open_store(store_url(Path(".livecov"), None)) as store:
        yield store, store.sync(folder)


def newest_first(run: Run) -> list[RequestRecord]:
    return sorted(run.requests, key=lambda request: -request.started_at)


def by_id(records: list[RequestRecord]) -> dict[str, RequestRecord]:
    found = {record.id: record for record in records}
    assert len(found) == len(records)
    return found


def executed_in(run: Run, by: str) -> dict[str, tuple[int, int, set[str]]]:
    """Requests, microseconds and traces of each test, route or request, counted one by one."""
    sums: dict[str, tuple[int, int, set[str]]] = {}
    for request in run.requests:
        name = {
            "test": request.test, "route": f"{request.method} {request.route or NO_ROUTE}", "request": request.id,
        }[by]  # fmt: skip
        if name is not None:
            count, duration, traces = sums.get(name, (0, 0, set()))
            sums[name] = count + 1, duration + round(1000 * request.duration_ms), {*traces, request.trace}
    return sums


def assert_equal(found: RunQueries, run: Run, histories: WindowHistories | None = None) -> None:
    """The store's answers are those that counting the requests of ``run`` gives.

    ``histories`` are those of summaries that were asked for before.
    """
    assert by_id(found.requests.newest()) == by_id(list(run.requests))
    times = [record.started_at for record in found.requests.newest()]
    assert times == sorted(times, reverse=True)
    assert found.requests.count() == len(run.requests)
    for by in ("test", "route", "request"):
        answer = {
            one.name: (one.requests, round(1000 * one.duration_ms), set(one.traces))
            for one in found.groups.executed(by)  # type: ignore[arg-type]
        }
        assert answer == executed_in(run, by)
    wanted = {request.trace for request in run.requests}
    assert found.lines.traces() == {id_: trace for id_, trace in run.traces.items() if id_ in wanted}
    assert_windows(found, run, histories or WindowHistories())
    for path in FILES:
        for line in (1, 7, 8, 64, 300):
            assert_ran(found, run, path, line)


def assert_windows(found: RunQueries, run: Run, histories: WindowHistories) -> None:
    wanted: list[list[RequestRecord]] = [[] for _ in run.windows]
    for request in run.requests:
        opened = [index for index, window in enumerate(run.windows) if window.opened_at <= request.started_at]
        # All in a window belong to a test, but for those that are no test's.
        if opened and run.windows[opened[-1]].holds(request.started_at) and request.test is not None:
            wanted[opened[-1]].append(request)
    last = found.windows.last()
    assert (last is None) == (not run.windows)
    if last is not None:
        assert last == (run.windows[-1], len(wanted[-1]))
        for kept in (WindowHistories(), histories):
            assert Records(found, [], "run").last_window(kept) == summary_of_last_window(found, run, wanted)


def summary_of_last_window(found: RunQueries, run: Run, in_windows: list[list[RequestRecord]]) -> dict[str, Any]:
    windows = [
        Executed(window.name, len(requests), 0, [request.trace for request in requests])
        for window, requests in zip(run.windows, in_windows, strict=True)
    ]
    earlier = {request.trace for request in run.requests if request.started_at < run.windows[-1].opened_at}
    ambient = {trace.id: trace for trace in found.lines.ambient()}
    return summarise_window(windows, earlier | ambient.keys(), ambient | run.traces)


def assert_ran(found: RunQueries, run: Run, path: str, line: int) -> None:
    def runs(request: RequestRecord) -> bool:
        trace = run.traces.get(request.trace)
        return trace is not None and path in trace.files and line in from_bitmap(trace.files[path].lines)

    ran = found.lines.ran(path, [line], limit=3)
    wanted = [request for request in newest_first(run) if runs(request)]
    assert ran.requests == len(wanted)
    assert dict(ran.tests) == Counter(request.test for request in wanted if request.test)
    assert dict(ran.routes) == Counter(f"{request.method} {request.route or NO_ROUTE}" for request in wanted)
    assert [r.started_at for r in ran.latest] == [r.started_at for r in wanted[:3]]
    assert all(runs(request) for request in ran.latest)


_BROKEN = [b"{\n", b"\n", b"[1]\n", b'{"type":"request"}\n', b"\xff\xfe\n", b'{"type":"window","name":"w"}\n']

# What processes do, one after the other. Numbers choose among what there is.
_number = st.integers(0, 5)
_events = st.lists(
    st.one_of(
        st.tuples(
            st.just("request"), _number, _number, st.sampled_from([None, "a", "b", NOBODY]), st.integers(0, 4),
            st.sampled_from([200, 404]), st.sampled_from(["/", "/x", None]), st.booleans(),
        ),
        st.tuples(st.just("amend"), _number, _number, _number, st.booleans(), st.sampled_from([None, False, True])),
        st.tuples(st.just("open"), _number, st.sampled_from(["w1", "w2", "a"])),
        st.tuples(st.just("close"), _number),
        st.tuples(st.just("ambient"), _number, _number),
        st.tuples(st.just("broken"), _number, st.sampled_from(_BROKEN)),
        st.tuples(st.just("reset")),
        st.tuples(st.just("sync")),
        st.tuples(st.just("summary")),
        st.tuples(st.just("half"), _number),
    ),
    max_size=30,
)  # fmt: skip


class _World:
    """Three processes of a run that do what they are told."""

    def __init__(self, folder: RunFolder) -> None:
        self.folder = folder
        self.writers = [Writer(folder, f"{n:08x}", pid=100 + n) for n in range(3)]
        self.requests: list[str] = []
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
        self, who: int, what: int, test: str | None, late: int, status: int, route: str | None, told: bool
    ) -> None:
        endpoint = route and "view"
        self.requests.append(
            self.writer(who).request(
                TRACES[what % len(TRACES)], self.now - late - 0.5, told=told, test=test, status=status, route=route,
                endpoint=endpoint, duration_ms=round(who * 1.001, 3),
            )
        )  # fmt: skip

    def amend(self, which: int, what: int, who: int, forked: bool, ended: bool | None) -> None:
        if self.requests:
            request = self.requests[which % len(self.requests)]
            own = next(writer for writer in self.writers if request.startswith(writer.token))
            writer = self.writer(who) if forked else own
            more: dict[str, Any] = {} if forked else {"status": 500, "duration_ms": 2.5}
            if ended is not None and not forked:
                more["ended"] = ended
            writer.line("amend", id=request, trace=writer.trace(TRACES[what % len(TRACES)]), **more)

    def open(self, who: int, name: str) -> None:
        self.writer(who).line("window", name=name, at=self.now)

    def close(self, who: int) -> None:
        self.writer(who).line("window", name="", at=self.now)

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
            if found.windows.last() is not None:
                Records(found, [], "run").last_window(self.histories)

    def half(self, who: int) -> None:
        """Half a line is written, and a synchronisation comes before the other half."""
        writer = self.writer(who)
        line = json.dumps({"type": "window", "name": "half", "at": self.now}, separators=(",", ":")).encode() + b"\n"
        writer.write(line[:20])
        self.sync()
        self.rest = writer, line[20:]


class TestAgainstReader:
    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(events=_events)
    def test_whatever_the_processes_do(self, events: list[tuple[Any, ...]]) -> None:
        shutil.rmtree(".livecov", ignore_errors=True)
        world = _World(run_folder())
        for event in events:
            world.do(event)
        tell_all(world)
        with recorded(world.folder) as found:
            assert_equal(found, read_run(world.folder), world.histories)
            assert {trace.id for trace in found.lines.ambient()} <= {trace.id for trace in TRACES}
        with recorded(world.folder, period=len(world.folder.marks())) as found:
            since = read_run(world.folder, since_mark=True)
            assert by_id(found.requests.newest()).keys() == {request.id for request in since.requests}

    def test_a_request_that_comes_before_its_window(self) -> None:
        """Another process opened the window, and its journal is read later than the request's."""
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

    def test_requests_that_are_no_tests(self) -> None:
        """Before and after the window is known: another process opens it."""
        folder = run_folder()
        first, second = Writer(folder, "aaaaaaaa"), Writer(folder, "bbbbbbbb")
        first.request(TRACES[1], NOW + 1, test=NOBODY)
        with recorded(folder) as found:
            assert [(record.window, record.test) for record in found.requests.newest()] == [(None, None)]
        second.line("window", name="w", at=NOW)
        first.request(TRACES[2], NOW + 2, test=NOBODY)
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

    def test_torn_lines_that_make_a_whole_one_together(self) -> None:
        """Lines are read many at once, with commas between them."""
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], NOW)
        line = writer.path.read_bytes().splitlines()[-1].replace(b'-1"', b'-2"', 1)
        head, tail = line.split(b",", 1)
        writer.write(head + b"\n" + tail + b"\n")
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert [record.id for record in found.requests.newest()] == ["aaaaaaaa-1"]
            assert store.warnings == [f"{writer.path}: 2 lines cannot be read, skipped"]

    def test_trace_that_is_told_later_by_another_process(self) -> None:
        """A forked child does not repeat what its parent has told, and its journal may be read first."""
        folder = run_folder()
        child = Writer(folder, "aaaaaaaa")
        request_id = child.request(TRACES[1], NOW, told=False)
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
            {"id": "x--1"},
        ],
    )  # fmt: skip
    def test_numbers_that_no_database_takes(self, change: dict[str, Any]) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], **{"started_at": NOW, **change})
        writer.request(TRACES[1], NOW)
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 1
            assert store.warnings == [f"{writer.path}: 1 line cannot be read, skipped"]

    def test_text_that_no_database_takes(self) -> None:
        """A file name of bytes that are no UTF-8, as Python decodes it."""
        folder = run_folder()
        trace = trace_of({"/srv/caf\udce9.py": [3]})
        Writer(folder, "aaaaaaaa").request(trace, NOW, path="/\udcff", test="\ud800")
        with recorded(folder) as found:
            (record,) = found.requests.newest()
            assert (record.trace, record.path, record.test) == (trace.id, "/\\udcff", "\\ud800")
            (lines,) = found.lines.traces().values()
            assert list(lines.line_numbers().values()) == [[3]]


def tell_all(world: _World) -> None:
    """What a process leaves out, because its parent has told it before the fork, is somewhere in the end."""
    for trace in TRACES:
        world.writers[0].trace(trace)


class TestWindowsOfManyKinds:
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


class TestFilters:
    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        for number in range(40):
            writer.request(
                TRACES[number % 4 + 1], NOW + number, test=(None, "a", "b")[number % 3],
                method=("GET", "POST")[number % 2], route=("/", "/x/<int:id>")[number % 5 == 0],
                status=(200, 302, 404, 503)[number % 4],
            )  # fmt: skip
        return folder

    @pytest.mark.parametrize("since", [None, NOW + 11])
    @pytest.mark.parametrize("status", [None, (404, 404), (400, 599)])
    @pytest.mark.parametrize("route", [None, "/", "GET /x/<int:id>", "/nowhere"])
    @pytest.mark.parametrize("test", [None, "a", "nobody"])
    def test_all_together(
        self,
        folder: RunFolder,
        test: str | None,
        route: str | None,
        status: tuple[int, int] | None,
        since: float | None,
    ) -> None:
        def passes(record: RequestRecord) -> bool:
            return (
                (test is None or record.test == test)
                and (route is None or route in (record.route, f"{record.method} {record.route}"))
                and (status is None or status[0] <= record.status <= status[1])
                and (since is None or record.started_at >= since)
            )

        filters = Filters(test, route, status, since)
        run = read_run(folder)
        wanted = [record for record in newest_first(run) if passes(record)]
        with recorded(folder) as found:
            assert found.requests.newest(filters) == wanted
            assert found.requests.newest(filters, limit=2) == wanted[:2]
            assert found.requests.count(filters) == len(wanted)
            assert found.requests.count_without_test(filters) == sum(record.test is None for record in wanted)
            for by in ("test", "route", "request"):
                names = {one.name: one.requests for one in found.groups.executed(by, filters)}  # type: ignore[arg-type]
                of_wanted = Run("", [], wanted, {})
                assert names == {name: count for name, (count, _, _) in executed_in(of_wanted, by).items()}

    @pytest.mark.parametrize(
        ("text", "expected"), [("404", (404, 404)), ("4xx", (400, 499)), ("5XX", (500, 599)), ("100", (100, 100))]
    )
    def test_status(self, text: str, expected: tuple[int, int]) -> None:
        assert parse_status(text) == expected

    @pytest.mark.parametrize("text", ["", "4", "4x", "600", "xxx", "40", "4044", "\u0664\u0660\u0664"])
    def test_no_status(self, text: str) -> None:
        with pytest.raises(ValueError, match="use a status"):
            parse_status(text)

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("1700000000", 1_700_000_000.0), ("1700000000.25", 1_700_000_000.25),
            ("2023-11-14T22:13:20+00:00", 1_700_000_000.0), ("2023-11-14T22:13:20Z", 1_700_000_000.0),
        ],
    )  # fmt: skip
    def test_moment(self, text: str, expected: float) -> None:
        assert parse_since(text) == expected

    @pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172_800)])
    def test_time_ago(self, text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("time.time", lambda: NOW)
        assert parse_since(text) == NOW - seconds

    @pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "5 m", "1e400", "2023-13-01", "10y"])
    def test_no_moment(self, text: str) -> None:
        with pytest.raises(ValueError, match="use a time ago"):
            parse_since(text)


SYNC = """
import sys
from pathlib import Path
from flask_livecoverage.journal import format
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.store import open_store, store_url

format._PIECE = 1 << 18
print("ready", flush=True)
sys.stdin.readline()
with open_store(store_url(Path(".livecov"), None)) as store:
    def progress(done, total):
        if "--kill-after-a-piece" in sys.argv:
            import os, signal
            os.kill(os.getpid(), signal.SIGKILL)
    store.sync(DataDir(".livecov").run("run"), progress)
"""

# An audit hook stays for as long as its process lives, and Python traces nothing of what it does.
SYNC_AUDITED = f"""
import json, os, sys
from pathlib import Path
from flask_livecoverage.journal.reader import read_run

opened = []

def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str | Path):
        opened.append(os.path.basename(arguments[0]))

def take_journals():
    names = sorted({{name for name in opened if name.startswith("journal-")}})
    opened.clear()
    return names

sys.addaudithook(look)
{SYNC}
by_store = take_journals()
read_run(DataDir(".livecov").run("run"))
print(json.dumps([by_store, take_journals(), list(store.warnings)]))
"""


class TestManyJournals:
    """Nearly all journals of a long run are those of processes that have ended."""

    @pytest.fixture
    def many(self) -> list[Writer]:
        folder = run_folder()
        writers = [Writer(folder, f"{number:08x}") for number in range(50)]
        for number, writer in enumerate(writers):
            writer.request(TRACES[1], NOW + number)
        writers[3].write(b'{"type":"torn')
        writers[4].write(b"garbage\n")
        return writers

    def synchronise(self) -> tuple[list[str], list[str], list[str]]:
        """The journals that the store opens in another process, and the reader, and the store's warnings."""
        command = [sys.executable, "-c", SYNC_AUDITED]
        done = subprocess.run(command, input="go\n", capture_output=True, text=True, check=True)
        by_store, by_reader, warnings = json.loads(done.stdout.splitlines()[-1])
        return by_store, by_reader, warnings

    def test_only_those_that_have_grown_are_opened(self, many: list[Writer]) -> None:
        folder = many[0].folder
        names = [writer.path.name for writer in many]
        by_store, by_reader, warnings = self.synchronise()
        assert by_store == by_reader == names
        assert warnings != []
        assert self.synchronise() == ([], names, warnings)
        many[7].request(TRACES[2], NOW + 100)
        many[3].write(b'"}\n')
        late = Writer(folder, "ffffffff")
        by_store, by_reader, _ = self.synchronise()
        assert by_store == sorted(writer.path.name for writer in (many[7], many[3], late))
        assert by_reader == [path.name for path in folder.journals()]
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_nothing_is_written(self, many: list[Writer]) -> None:
        path = Path(".livecov/store.sqlite3")
        with synced(many[0].folder):
            pass
        before = path.read_bytes()
        with synced(many[0].folder):
            pass
        assert path.read_bytes() == before


class TestSynchronisation:
    @pytest.fixture
    def folder(self, monkeypatch: pytest.MonkeyPatch) -> RunFolder:
        """A run of many pieces."""
        folder = run_folder()
        writers = [Writer(folder, f"{n:08x}", pid=n) for n in range(2)]
        for number in range(12_000):
            if number % 1000 == 0:
                writers[0].line("window", name=f"w{number}", at=NOW + number)
            writers[number % 2].request(TRACES[number % 5], NOW + number, path=f"/{number}")
        return folder

    def test_several_processes_at_once(self, folder: RunFolder) -> None:
        processes = [
            subprocess.Popen([sys.executable, "-c", SYNC], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            process.communicate("go\n")
        assert [process.returncode for process in processes] == [0] * 4
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_who_finds_nothing_new_finds_all_done(self, folder: RunFolder) -> None:
        """What requests ran late is there as soon as the last line of the journals is."""
        writer = Writer(folder, "late")
        for number in range(3):
            request = writer.request(TRACES[1], NOW + number)
            writer.line("amend", id=request, trace=writer.trace(TRACES[3]), status=500)
        answers = []

        def ask_beside(done: int, total: int | None) -> None:
            if done == total:
                with recorded(folder) as found:
                    answers.append(by_id(found.requests.newest()))

        with open_store(store_url(Path(".livecov"), None)) as store:
            store.sync(folder, ask_beside)
        assert answers == [by_id(list(read_run(folder).requests))]

    def test_killed_in_the_middle(self, folder: RunFolder) -> None:
        for _ in range(2):
            killed = subprocess.run([sys.executable, "-c", SYNC, "--kill-after-a-piece"], input="go\n", text=True)
            assert killed.returncode == -signal.SIGKILL
        with open_store(store_url(Path(".livecov"), None)) as store, store.recorded([1]) as found:
            assert 0 < found.requests.count() < 12_000
        with recorded(folder) as found:
            assert_equal(found, read_run(folder))

    def test_progress_is_told_in_bytes(self, folder: RunFolder) -> None:
        told: list[tuple[int, int]] = []
        size = sum(path.stat().st_size for path in folder.journals())
        with open_store(store_url(Path(".livecov"), None)) as store:
            store.sync(folder, lambda done, total: told.append((done, total)))
            assert {total for _, total in told} == {size}
            assert [done for done, _ in told] == sorted({done for done, _ in told})
            assert told[-1] == (size, size)
            told.clear()
            store.sync(folder, lambda done, total: told.append((done, total)))
            assert told == []

    def test_runs_share_traces_and_nothing_else(self) -> None:
        folders = [run_folder(name) for name in ("one", "two")]
        for folder, count in zip(folders, (1, 2), strict=True):
            writer = Writer(folder, "aaaaaaaa")
            for number in range(count):
                writer.request(TRACES[1], NOW + number)
        with open_store(store_url(Path(".livecov"), None)) as store:
            runs = [store.sync(folder) for folder in folders]
            for wanted, count in ((runs[:1], 1), (runs[1:], 2), (runs, 3)):
                with store.recorded(wanted) as found:
                    assert found.requests.count() == len(found.requests.newest()) == count
                    assert list(found.lines.traces()) == [TRACES[1].id]

    def test_journal_that_became_shorter_is_named(self) -> None:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        writer.request(TRACES[1], NOW)
        writer.request(TRACES[2], NOW + 1)
        with recorded(folder):
            writer.path.write_bytes(b"".join(writer.path.read_bytes().splitlines(keepends=True)[:3]))
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 2
            assert "shorter than when it was read last" in store.warnings[0]

    @pytest.mark.parametrize("left", ["nothing", "whole lines", "half a line"])
    @pytest.mark.parametrize("when", ["windows are looked for", "pieces are put in"])
    def test_journal_that_is_cut_while_it_is_read(self, when: str, left: str, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is read no further, and what was read is in the store."""
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        for number in range(3):
            writer.request(TRACES[number], NOW + number)
            writer.line("window", name=f"w{number}", at=NOW + number)
        data = writer.path.read_bytes()
        last_line = data.rindex(b"\n", 0, -1) + 1
        size = {"nothing": 0, "whole lines": last_line, "half a line": last_line + 30}[left]
        # The first reading is of windows.
        cut_at = 1 if when == "windows are looked for" else 2
        read_lines, readings = sync._read_lines, []

        def cut_and_read(path: Path, position: int, end: int) -> bytes:
            readings.append(position)
            assert len(readings) < 10
            if len(readings) == cut_at:
                os.truncate(path, size)
            return read_lines(path, position, end)

        monkeypatch.setattr(sync, "_read_lines", cut_and_read)
        with recorded(folder) as found:
            assert found.requests.count() == (3 if size else 0)

    @pytest.mark.parametrize(
        "content",
        [
            b"", b"half a line", b"garbage\n", b'{"type":"request"}\n', b'{"type":"process","version":99}\n',
            b'{"type":"process","version":1}\n',
        ],
    )  # fmt: skip
    def test_file_that_is_no_journal(self, content: bytes) -> None:
        folder = run_folder()
        (folder.path / "journal-aaaaaaaa.jsonl").write_bytes(content)
        Writer(folder, "bbbbbbbb").request(TRACES[1], NOW)
        with synced(folder) as (store, run), store.recorded([run]) as found:
            assert found.requests.count() == 1
            assert len(store.warnings) == (1 if content.endswith(b"\n") else 0)


class TestDatabase:
    def folder(self) -> RunFolder:
        folder = run_folder()
        Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
        return folder

    def test_another_version_is_refused(self) -> None:
        folder = self.folder()
        with synced(folder):
            pass
        engine = sa.create_engine("sqlite:///.livecov/store.sqlite3")
        with engine.begin() as connection:
            connection.execute(sa.update(schema.meta).filter_by(key="schema_version").values(value="99"))
        engine.dispose()
        with pytest.raises(DataError, match=r"has version 99, and this package reads \d+: .*made anew"), synced(folder):
            pass

    def test_identity_is_of_one_file(self) -> None:
        url = "sqlite:///store.sqlite3"
        with open_store(url) as first, open_store(url) as again:
            assert again.identity == first.identity
        remove_store(".")
        with open_store(url) as other:
            assert other.identity != first.identity

    def test_file_that_is_no_database_is_refused_and_kept(self) -> None:
        folder = self.folder()
        store = Path(".livecov/store.sqlite3")
        store.write_bytes(b"no database\n" * 1000)
        with (
            pytest.raises(DataError, match=r"store\.sqlite3 cannot be used \(file is not a database\)"),
            synced(folder),
        ):
            pass
        assert store.read_bytes() == b"no database\n" * 1000

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("nonsense://", "use an SQLAlchemy URL"),
            ("sqlite", "use an SQLAlchemy URL"),
            ("mysql://user:secret@host/db", r"sqlite or postgresql alone|not installed"),
            ("postgresql+nodriver://user:secret@host/db", "use an SQLAlchemy URL"),
        ],
    )
    def test_url_that_cannot_be(self, url: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message) as raised, open_store(url):
            pass
        assert "secret" not in str(raised.value)

    def test_lives_beside_other_tables(self) -> None:
        engine = sa.create_engine("sqlite:///theirs.sqlite3")
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE requests (mine)")
            connection.exec_driver_sql("INSERT INTO requests VALUES (1)")
        folder = self.folder()
        with open_store("sqlite:///theirs.sqlite3") as store, store.recorded([store.sync(folder)]) as found:
            assert found.requests.count() == 1
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT * FROM requests").all() == [(1,)]
        engine.dispose()

    def test_every_statement_can_be_written_for_postgresql(self) -> None:
        from sqlalchemy.dialects import postgresql
        from sqlalchemy.schema import CreateIndex, CreateTable

        for table in schema.metadata.sorted_tables:
            created = str(CreateTable(table).compile(dialect=postgresql.dialect()))
            assert "ROWID" not in created
            for index in table.indexes:
                assert str(CreateIndex(index).compile(dialect=postgresql.dialect()))


class TestPages:
    """Requests sorted and by the page, against sorting all of them here."""

    KEYS: ClassVar[dict[str, Callable[[RequestRecord], Any]]] = {
        "time": lambda record: record.started_at,
        "method": lambda record: record.method,
        "path": lambda record: record.path,
        "status": lambda record: record.status,
        "ms": lambda record: record.duration_ms,
        "test": lambda record: record.test or "",
        "route": lambda record: (record.route or "", record.method),
    }

    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        rng = random.Random(1)
        writers = [Writer(folder, token) for token in ("0000000a", "0000000b")]
        for number in range(60):
            rng.choice(writers).request(
                rng.choice(TRACES), NOW + number, path=f"/{rng.randrange(5)}", status=rng.choice([200, 404]),
                duration_ms=float(rng.randrange(4)), method=rng.choice(["GET", "POST"]),
                test=rng.choice([None, "one", "two"]), route=rng.choice([None, "/a", "/b"]),
            )  # fmt: skip
        return folder

    FILTERS = (Filters(), Filters(test="one"), Filters(route="/a"), Filters(test="two", status=(400, 499)))

    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("sort", KEYS)
    def test_sorted(self, folder: RunFolder, sort: Any, descending: bool, filters: Filters) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest(filters)
            expected = sorted(everything, key=self.KEYS[sort], reverse=descending)
            pages = [
                found.requests.page(filters, sort, 7, offset, descending=descending)
                for offset in range(0, len(expected), 7)
            ]
            assert [record for page in pages for record in page] == expected
            assert found.requests.page(filters, sort, 7, len(expected)) == []

    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    @pytest.mark.parametrize("descending", [True, False])
    def test_by_trace(self, folder: RunFolder, descending: bool, filters: Filters) -> None:
        rank = {trace.id: number for number, trace in enumerate(TRACES) if number}
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest(filters)
            pages = [
                found.requests.page_by_trace(filters, rank, 7, offset, descending=descending)
                for offset in range(0, len(everything), 7)
            ]
            records = [record for page in pages for record in page]
            assert sorted(records, key=lambda record: record.id) == sorted(everything, key=lambda record: record.id)
            ranks = [rank.get(record.trace, 0) for record in records]
            assert ranks == sorted(ranks, reverse=descending)

    def test_first_of_traces(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest()
            oldest = {record.trace: record for record in everything}
            moments = {trace: record.started_at for trace, record in oldest.items()}
            records = found.requests.first_of_traces(moments, Filters())
            assert {record.id for record in records} == {record.id for record in oldest.values()}
            told = found.lines.told_traces()
            assert dict(told.values()) == moments

    def test_counts_until(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            moments = [NOW - 1, NOW, NOW + 10.5, NOW + 59, NOW + 100]
            assert found.requests.counts_until(moments) == [0, 1, 11, 60, 60]

    def test_heat(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            numbers = {path: number for number, (path, _) in found.lines.contents().items()}
            records = found.requests.newest()
            by_id = {trace.id: trace for trace in TRACES}
            for path in FILES[:2]:
                counts: Counter[int] = Counter()
                for lines, requests in found.lines.heat(numbers[path]):
                    counts.update(dict.fromkeys(from_bitmap(lines), requests))
                expected = Counter(
                    line
                    for record in records
                    if path in by_id[record.trace].files
                    for line in from_bitmap(by_id[record.trace].files[path].lines)
                )
                assert counts == expected
                tests = {
                    (line, test)
                    for lines, test in found.lines.heat_by_test(numbers[path])
                    for line in from_bitmap(lines)
                }
                named = {
                    (line, record.test)
                    for record in records
                    if record.test and path in by_id[record.trace].files
                    for line in from_bitmap(by_id[record.trace].files[path].lines)
                }
                assert Counter(line for line, _ in tests) == Counter(line for line, _ in named)
                names = {r.test for r in records if r.test and path in by_id[r.trace].files}
                assert found.lines.names_in(numbers[path])[0] == sorted(names)


def test_many_make_it_at_once(tmp_path: Path) -> None:
    """SQLite refuses some of those who open a new file at once, whatever their timeout."""
    for number in range(10):
        url = f"sqlite:///{tmp_path / f'{number}.sqlite3'}"
        begin = threading.Barrier(8)

        def identity(url: str = url, begin: threading.Barrier = begin) -> str:
            begin.wait()
            with open_store(url) as store:
                return store.identity

        with ThreadPoolExecutor(8) as pool:
            assert len({made.result() for made in [pool.submit(identity) for _ in range(8)]}) == 1


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///file:store.sqlite3?vfs=unix-none&uri=true"])
def test_where_there_can_be_no_wal(url: str) -> None:
    """In memory, and on a file system without shared memory, such as SQLite's ``unix-none`` plays."""
    folder = run_folder()
    Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
    with open_store(url) as store, store.recorded([store.sync(folder)]) as found:
        assert found.requests.count() == 1


class TestKept:
    @pytest.fixture
    def kept(self) -> Iterator[StoreHandle]:
        with closing(StoreHandle(store_url(Path(".livecov"), None))) as kept:
            yield kept
        # A connection that is left open is told of now.
        gc.collect()

    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
        return folder

    def log(self) -> Path:
        """A file that SQLite removes when nobody has the store open any more."""
        return Path(".livecov/store.sqlite3-wal")

    def test_stays_open_until_it_is_closed(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store:
            store.sync(folder)
        assert self.log().exists()
        kept.close()
        assert not self.log().exists()

    def test_who_uses_it_may_go_on(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            kept.close()
            assert recorded.requests.count() == 1
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            assert recorded.requests.count() == 1
        assert not self.log().exists()

    def test_file_that_was_removed(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store:
            store.sync(folder)
        remove_store()
        with kept.use() as anew:
            assert anew.identity != store.identity

    def test_file_that_is_removed_meanwhile(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            remove_store()
            with kept.use() as anew, anew.recorded([anew.sync(folder)]) as recorded_anew:
                assert anew.identity != store.identity
                assert recorded_anew.requests.count() == recorded.requests.count() == 1
        with kept.use() as again:
            assert again.identity == anew.identity

    def test_several_at_once(self, kept: StoreHandle, folder: RunFolder) -> None:
        def count(_number: int) -> tuple[str, int]:
            with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
                return store.identity, recorded.requests.count()

        with ThreadPoolExecutor(8) as pool:
            assert len({*pool.map(count, range(40))}) == 1
