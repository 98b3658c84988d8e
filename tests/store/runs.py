"""Runs with hand-written journals, and a comparison of the store's answers with the reader's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flask_livecoverage.control.json_answers import JsonAnswers
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.model.records import NO_ROUTE, ExecutionTotals, RequestRecord, Run, Trace
from flask_livecoverage.queries.window_summary import WindowHistories
from flask_livecoverage.store import RunQueries, Store, open_store, store_url

from ..support.journals import trace_of
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
    """Return requests, microseconds and traces of each test, route or request, counted one by one."""
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
    """Assert that the store's answers are those from counting the requests of ``run``.

    ``histories`` are those of earlier summaries.
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
    assert {trace.id: trace for trace in found.lines.ambient()} == ambient_in(run)
    assert_windows(found, run, histories or WindowHistories())
    for path in FILES:
        for line in (1, 7, 8, 64, 300):
            assert_ran(found, run, path, line)


def ambient_in(run: Run) -> dict[str, Trace]:
    return {id_: run.traces[id_] for id_ in run.ambient if id_ in run.traces}


def assert_windows(found: RunQueries, run: Run, histories: WindowHistories) -> None:
    wanted: list[list[RequestRecord]] = [[] for _ in run.windows]
    for request in run.requests:
        opened = [index for index, window in enumerate(run.windows) if window.opened_at <= request.started_at]
        # All requests in a window belong to a test, except those that name none explicitly.
        if opened and run.windows[opened[-1]].contains(request.started_at) and request.test is not None:
            wanted[opened[-1]].append(request)
    last = found.windows.last()
    assert (last is None) == (not run.windows)
    if last is not None:
        assert last == (run.windows[-1], len(wanted[-1]))
        for kept in (WindowHistories(), histories):
            assert JsonAnswers(found, [], "run").window(kept, run.windows[-1]) == summary_of_last_window(run, wanted)


def summary_of_last_window(run: Run, in_windows: list[list[RequestRecord]]) -> dict[str, Any]:
    windows = [
        ExecutionTotals(window.name, len(requests), 0, [request.trace for request in requests])
        for window, requests in zip(run.windows, in_windows, strict=True)
    ]
    earlier = {request.trace for request in run.requests if request.started_at < run.windows[-1].opened_at}
    return summarise_window(windows, earlier | ambient_in(run).keys(), run.traces)


def assert_ran(found: RunQueries, run: Run, path: str, line: int) -> None:
    def has_line(trace: Trace | None) -> bool:
        return trace is not None and path in trace.files and line in from_bitmap(trace.files[path].lines)

    def runs(request: RequestRecord) -> bool:
        return has_line(run.traces.get(request.trace))

    ran = found.lines.ran(path, [line], limit=3)
    wanted = [request for request in newest_first(run) if runs(request)]
    assert ran.requests == len(wanted)
    assert dict(ran.tests) == Counter(request.test for request in wanted if request.test)
    assert dict(ran.routes) == Counter(f"{request.method} {request.route or NO_ROUTE}" for request in wanted)
    assert [r.started_at for r in ran.latest] == [r.started_at for r in wanted[:3]]
    assert all(runs(request) for request in ran.latest)
    assert ran.at_startup == any(map(has_line, ambient_in(run).values()))
