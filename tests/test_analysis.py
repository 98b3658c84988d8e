"""What a window's summary counts."""

from __future__ import annotations

from collections.abc import Iterable

from flask_livecoverage.analysis.windows import summarise_window
from flask_livecoverage.lines import to_bitmap
from flask_livecoverage.model import FileLines, RequestRecord, Run, Trace, Window


def trace(name: str, lines: Iterable[int], content: str = "c", path: str = "/a.py") -> Trace:
    return Trace(name, {path: FileLines(content, to_bitmap(lines))})


def request(trace: str, started_at: float) -> RequestRecord:
    return RequestRecord(f"r{started_at}", trace, "GET", "/", 200, started_at, 1.0, 1)


def run(
    traces: list[Trace], requests: list[RequestRecord], windows: list[Window], ambient: tuple[str, ...] = ()
) -> Run:
    return Run("run", [], requests, {trace.id: trace for trace in traces}, ambient, windows=windows)


LAST = Window("last", 10.0, 20.0)


def test_requests_outside_the_window_do_not_count() -> None:
    found = run([trace("t", [1]), trace("u", [2])], [request("t", 9.9), request("u", 10.0), request("t", 20.0)], [LAST])
    assert summarise_window(found) == {
        "name": "last", "requests": 1, "files": 1, "lines": 1, "new_lines": 1, "duplicate_of": None,
    }  # fmt: skip


def test_what_start_up_ran_is_not_new() -> None:
    found = run([trace("t", [1, 2, 3]), trace("start", [1, 9])], [request("t", 11.0)], [LAST], ambient=("start",))
    assert summarise_window(found)["new_lines"] == 2


def test_what_earlier_requests_ran_is_not_new_whether_in_a_window_or_not() -> None:
    traces = [trace("t", [1, 2, 3]), trace("u", [1]), trace("v", [2])]
    requests = [request("u", 1.0), request("v", 5.0), request("t", 11.0)]
    assert summarise_window(run(traces, requests, [Window("w", 4.0, 6.0), LAST]))["new_lines"] == 1


def test_duplicate_executed_the_same_in_whatever_order_and_number() -> None:
    traces = [trace("t", [1]), trace("u", [2]), trace("both", [1, 2])]
    requests = [request("u", 4.0), request("t", 4.5), request("t", 4.6), request("both", 11.0)]
    windows = [Window("less", 1.0, 2.0), Window("same", 4.0, 5.0), Window("again", 5.0, 6.0), LAST]
    assert summarise_window(run(traces, requests, windows))["duplicate_of"] == "same"


def test_lines_of_another_content_are_other_lines() -> None:
    traces = [trace("old", [1, 2], content="old"), trace("new", [1, 2], content="new")]
    found = run(traces, [request("old", 4.0), request("new", 11.0)], [Window("before", 3.0, 5.0), LAST])
    summary = summarise_window(found)
    assert (summary["duplicate_of"], summary["new_lines"], summary["files"]) == (None, 2, 1)


def test_missing_trace_counts_as_nothing() -> None:
    summary = summarise_window(run([], [request("gone", 11.0)], [LAST]))
    assert (summary["requests"], summary["lines"], summary["duplicate_of"]) == (1, 0, None)


def test_open_window_is_summarised_so_far() -> None:
    assert summarise_window(run([trace("t", [1])], [request("t", 99.0)], [Window("open", 10.0)]))["requests"] == 1
