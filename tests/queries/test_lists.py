"""Lists of requests, tests and routes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.lists import (
    Group,
    count_lines,
    list_routes,
    list_tests,
    newest_requests,
    requests_by_lines,
    requests_by_new_lines,
    sorted_requests,
)
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.queries.suite_outcomes import count_tests
from flask_livecoverage.store import RunQueries

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
FILE = "/srv/shop.py"
ONE, TWO, THREE = (trace_of({FILE: range(1, last)}) for last in (2, 3, 4))


@pytest.fixture
def queries() -> Iterator[RunQueries]:
    """Four requests; the last one repeats the first."""
    writer = Writer(run_folder(), "aaaaaaaa")
    writer.line("rules", rules=[["/", "index", ["GET", "POST"]], ["/never", "never", ["GET"]]])
    for number, (trace, test) in enumerate([(ONE, "a"), (THREE, "b"), (TWO, None), (ONE, "b")]):
        writer.request(trace, NOW + number, test=test)
    with open_stored_runs(writer.folder.path.parent.parent, [writer.folder], None) as runs:
        yield runs.queries


def numbers(requests: object) -> list[str]:
    return [request.id.rpartition("-")[2] for request in requests]  # type: ignore[attr-defined]


def test_requests(queries: RunQueries) -> None:
    newest = newest_requests(queries, Filters(), 3)
    assert (numbers(newest.requests), newest.total) == (["4", "3", "2"], 4)
    assert list(count_lines(queries, newest.requests).values()) == [1, 2, 3]
    oldest = sorted_requests(queries, Filters(test="b"), "time", 9, descending=False)
    assert (numbers(oldest.requests), oldest.total) == (["2", "4"], 2)
    # If the caller passes their number, the store need not count them.
    assert sorted_requests(queries, Filters(), "time", 1, total=99).total == 99


def test_requests_by_lines(queries: RunQueries) -> None:
    lines = {ONE.id: 1, TWO.id: 2, THREE.id: 3}
    found = requests_by_lines(queries, Filters(), lines, 2, 1, descending=True)
    assert (numbers(found.requests)[0], len(found.requests), found.total) == ("3", 2, 4)
    first_at, new = {ONE.id: NOW, THREE.id: NOW + 1}, {ONE.id: 1, THREE.id: 2}
    # The fourth request left the same trace as the first, later.
    found_new = requests_by_new_lines(queries, Filters(), first_at, lambda one: new[one.trace], descending=True)
    assert numbers(found_new) == ["2", "1"]


def test_groups(queries: RunQueries) -> None:
    assert list_tests(queries) == [Group("a", 1, 0, 1.5, 1, 0), Group("b", 2, 0, 3.0, 3, 2)]
    found = list_routes(queries, Filters(test="b"))
    assert found.routes == [Group("GET /", 2, 1, 3.0, 3, 3)]
    assert found.routes[0].mean_ms == 1.5
    assert [route.name for route in found.all_routes()] == ["GET /", "POST /", "GET /never"]
    assert (found.never_hit(), found.unused_methods()) == (["/never"], {"/": ["POST"]})


def with_outcomes(*outcomes: Outcome) -> Iterator[RunQueries]:
    """The same run, with outcomes of its tests."""
    (folder,) = DataDir(".livecov").runs()
    for outcome in outcomes:
        append_outcome(folder, outcome)
    with open_stored_runs(Path(".livecov"), [folder], None) as runs:
        yield runs.queries


@pytest.mark.usefixtures("queries")
@pytest.mark.parametrize(
    ("filters", "listed"),
    [
        (None, [("a", None), ("a > part", "failed"), ("b", "passed"), ("c2", "skipped"), ("c10", "failed")]),
        (Filters(since=NOW + 3), [("b", "passed"), ("c10", "failed")]),
        (Filters(test="c2"), [("c2", "skipped")]),
        (Filters(test="b"), [("b", "passed")]),
        # These select requests.
        (Filters(route="/"), [("a", None), ("b", "passed")]),
        (Filters(status=(200, 299)), [("a", None), ("b", "passed")]),
    ],
)
def test_outcomes(filters: Filters | None, listed: list[tuple[str, str | None]]) -> None:
    """Also of tests that sent no request."""
    found = with_outcomes(
        Outcome("c10", "failed", 1.0, NOW + 4), Outcome("c2", "skipped", 1.0, NOW),
        Outcome("b", "passed", 1.0, NOW + 4), Outcome("a > part", "failed", 1.0, NOW),
    )  # fmt: skip
    for queries in found:
        tests = list_tests(queries, filters)
        assert [(test.name, test.outcome and test.outcome.outcome) for test in tests] == listed
        assert count_tests(queries) == 5


@pytest.mark.usefixtures("queries")
def test_part_of_a_test_that_failed() -> None:
    (folder,) = DataDir(".livecov").runs()
    Writer(folder, "bbbbbbbb").request(ONE, NOW, test="b > part")
    for queries in with_outcomes(Outcome("b", "failed", 7.0, NOW)):
        found = {test.name: test.outcome for test in list_tests(queries)}
        assert found == {
            "a": None, "b": Outcome("b", "failed", 7.0, NOW), "b > part": Outcome("b > part", "failed", None, NOW),
        }  # fmt: skip


def test_other_lines_can_count(queries: RunQueries) -> None:
    def first_line(trace: Trace) -> Trace:
        return Trace(trace.id, {path: FileLines(lines.content, lines.lines & 2) for path, lines in trace.files.items()})

    assert [(test.lines, test.own_lines) for test in list_tests(queries, None, first_line)] == [(1, 0), (1, 0)]
    assert [route.lines for route in list_routes(queries, None, first_line).routes] == [1]
