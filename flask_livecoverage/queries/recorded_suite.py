"""The suite that was recorded, for comparisons, and the lines of its tests, for programs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..analysis.suite import Suite
from ..exports.dump import relative_lines
from ..model.filters import Filters
from ..model.outcomes import Outcome, find_outcome, outcome_object
from ..model.records import Trace
from ..store import RunQueries
from .suite_outcomes import outcomes_of, outcomes_without_requests

CAUTION = (
    "Equal lines are not equal assertions: a test without lines of its own may still check what\n"
    "no other test checks. Look before you delete."
)


@dataclass(frozen=True)
class RecordedSuite:
    """A suite whose members are all tests, or all requests (``by``); ``without_test`` counts the requests left out.

    ``outcomes`` are those of the tests, where they are known.
    """

    suite: Suite
    by: str
    without_test: int = 0
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)


def recorded_suite(queries: RunQueries, by: str | None = None) -> RecordedSuite:
    """The suite of tests, if any request names one, else of requests; ``by`` overrides this."""
    if by != "request":
        tests = list(queries.groups.executed("test"))
        if tests or by == "test":
            return RecordedSuite(
                Suite.of(tests, queries.lines.traces()),
                "test",
                queries.requests.count_without_test(),
                outcomes_of(queries, [test.name for test in tests]),
            )
    return RecordedSuite(Suite.of(queries.groups.executed("request"), queries.lines.traces()), "request")


def suite_object(queries: RunQueries, filters: Filters | None = None) -> dict[str, Any]:
    """The lines that each test executed, as an object for JSON: tests, and the traces that these refer to.

    Tests with an outcome and no request come last. ``startup`` are the lines that ran outside of requests. Paths are as
    in a dump.
    """
    traces = queries.lines.traces(filters)
    tests: list[dict[str, Any]] = [
        {
            "test": one.name,
            "requests": one.requests,
            "duration_ms": round(one.duration_ms, 3),
            "traces": [trace for trace in one.traces if trace in traces],
        }
        for one in queries.groups.executed("test", filters)
    ]
    for test in tests:
        test.update(outcome_object(find_outcome(queries.outcomes, test["test"])))
    for outcome in outcomes_without_requests(queries, filters, {test["test"] for test in tests}):
        about = {"test": outcome.test, "requests": 0, "duration_ms": 0.0, "traces": []}
        tests.append({**about, **outcome_object(outcome)})
    wanted = {trace for test in tests for trace in test["traces"]}
    return {
        "tests": tests,
        "traces": {name: relative_lines(trace, queries.root) for name, trace in traces.items() if name in wanted},
        "startup": relative_lines(Trace.union(queries.lines.ambient()), queries.root),
        "requests_without_test": queries.requests.count_without_test(filters),
    }
