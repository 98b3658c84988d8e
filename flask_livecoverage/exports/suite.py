"""The JSON document of ``/__coverage__/tests``."""

from __future__ import annotations

from typing import Any

from ..filters import Filters
from ..model import Trace
from ..store import Recorded
from .dump import relative_lines


def suite_object(recorded: Recorded, filters: Filters | None = None) -> dict[str, Any]:
    """What each test executed, as an object for JSON: tests, and the traces that these refer to.

    ``startup`` are the lines that ran outside of requests. Paths are as in a dump.
    """
    traces = recorded.traces(filters)
    tests: list[dict[str, Any]] = [
        {
            "test": one.name,
            "requests": one.requests,
            "duration_ms": round(one.duration_ms, 3),
            "traces": [trace for trace in one.traces if trace in traces],
        }
        for one in recorded.executed("test", filters)
    ]
    wanted = {trace for test in tests for trace in test["traces"]}
    return {
        "tests": tests,
        "traces": {name: relative_lines(trace, recorded.root) for name, trace in traces.items() if name in wanted},
        "startup": relative_lines(Trace.union(recorded.ambient()), recorded.root),
        "requests_without_test": recorded.count_without_test(filters),
    }
