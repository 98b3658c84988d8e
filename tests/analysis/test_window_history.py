"""The counts of a window's summary.

Tests ``analysis.window_history`` and ``model.records``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import ExecutionTotals, FileLines, Trace

from ..support.window_summary import summarise_window


def trace(name: str, lines: Iterable[int], content: str = "c", path: str = "/a.py") -> Trace:
    return Trace(name, {path: FileLines(content, to_bitmap(lines))})


def summary(traces: list[Trace], windows: list[ExecutionTotals], before: Iterable[str] = ()) -> dict[str, Any]:
    return summarise_window(windows, list(before), {trace.id: trace for trace in traces})


def window(name: str, *traces: str) -> ExecutionTotals:
    return ExecutionTotals(name, len(traces), 1.0, list(dict.fromkeys(traces)))


def test_last_window_counts() -> None:
    traces = [trace("t", [1]), trace("u", [2, 3])]
    assert summary(traces, [window("first", "t", "t"), window("last", "u")]) == {
        "name": "last", "requests": 1, "files": 1, "lines": 2, "new_lines": 2, "duplicate_of": None,
    }  # fmt: skip


def test_what_was_executed_before_is_not_new() -> None:
    traces = [trace("t", [1, 2, 3]), trace("u", [1]), trace("v", [2, 9])]
    assert summary(traces, [window("last", "t")], before=["u", "v"])["new_lines"] == 1


def test_duplicate_executed_the_same_lines_in_any_order_and_number() -> None:
    traces = [trace("t", [1]), trace("u", [2]), trace("both", [1, 2]), trace("more", [1, 2, 3])]
    windows = [
        window("less", "t"),
        window("more", "more"),
        window("same", "u", "t", "t"),
        window("again", "both"),
        window("last", "both"),
    ]
    assert summary(traces, windows)["duplicate_of"] == "same"


def test_lines_of_another_content_are_other_lines() -> None:
    traces = [trace("old", [1, 2], content="old"), trace("new", [1, 2], content="new")]
    found = summary(traces, [window("before", "old"), window("last", "new")], before=["old"])
    assert (found["duplicate_of"], found["new_lines"], found["files"]) == (None, 2, 1)


def test_missing_trace_has_no_lines() -> None:
    found = summary([], [window("before", "gone"), window("last", "gone")], before=["gone"])
    assert (found["requests"], found["lines"], found["duplicate_of"]) == (1, 0, None)


def test_windows_without_lines_are_no_duplicates() -> None:
    assert summary([], [window("before"), window("last")])["duplicate_of"] is None
