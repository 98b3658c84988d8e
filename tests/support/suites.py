"""Suites for tests of analyses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask_livecoverage.analysis.suite import Suite
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import ExecutionTotals, FileLines, Trace

# Name → lines and milliseconds.
Tests = Mapping[str, tuple[frozenset[int], float]]


def make_suite(tests: Mapping[str, Iterable[int]], durations: Mapping[str, float] | None = None) -> Suite:
    """Return a suite of tests that executed these lines of one file, in this number of milliseconds (0 by default)."""
    traces = {
        name: Trace.of({"/app.py": FileLines("c", to_bitmap(lines))} if lines else {}) for name, lines in tests.items()
    }
    executed = [
        ExecutionTotals(name, 1, (durations or {}).get(name, 0.0), [trace.id]) for name, trace in traces.items()
    ]
    return Suite.of(executed, {trace.id: trace for trace in traces.values()})


def suite_of(tests: Tests) -> Suite:
    """Return the suite of the tests that :func:`~.strategies.drawn_suites` drew."""
    return make_suite(
        {name: lines for name, (lines, _) in tests.items()}, {name: duration for name, (_, duration) in tests.items()}
    )


def lines_of(tests: Tests, names: Iterable[str]) -> frozenset[int]:
    """Return all lines of the tests called ``names``."""
    return frozenset().union(*(tests[name][0] for name in names))
