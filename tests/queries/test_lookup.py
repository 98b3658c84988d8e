"""Requests, tests and routes by their names, and differences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.outcomes import append_outcome
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.queries.lookup import difference, executed_lines, find_subject, find_subjects
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.store import RunQueries

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
FILE = "/srv/cart.py"
GET, POST = trace_of({FILE: [1, 2]}), trace_of({FILE: [1, 3]})


@pytest.fixture
def queries() -> Iterator[RunQueries]:
    writer = Writer(run_folder(), "aaaaaaaa")
    writer.request(GET, NOW, test="tests::test_cart", route="/cart", path="/cart")
    writer.request(POST, NOW + 1, test="tests::test_cart", route="/cart", path="/cart", method="POST")
    writer.request(GET, NOW + 2, test="/cart", route="/", path="/")
    with open_stored_runs(writer.folder.path.parent.parent, [writer.folder], None) as runs:
        yield runs.queries


def test_route_with_and_without_its_method(queries: RunQueries) -> None:
    for name, requests, lines in [("GET /cart", 1, [1, 2]), ("/cart", 2, [1, 2, 3])]:
        subject = find_subject(queries, "route", name)
        assert subject is not None
        assert (subject.name, subject.requests, subject.reference) == (name, requests, f"route:{name}")
        assert executed_lines(queries, subject).line_numbers() == {FILE: lines}
    assert find_subject(queries, "route", "PUT /cart") is None


def test_request(queries: RunQueries) -> None:
    subject = find_subject(queries, "request", "aaaaaaaa-2")
    assert subject is not None
    assert subject.record is not None
    assert (subject.record.method, subject.requests, subject.duration_ms) == ("POST", 1, 1.5)
    assert find_subject(queries, "request", "aaaaaaaa-9") is None


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("tests::test_cart", ["test:tests::test_cart"]),
        # The whole name of a test and of a route.
        ("/cart", ["test:/cart", "route:/cart"]),
        # Ends the name of one test.
        ("test_cart", ["test:tests::test_cart"]),
        # Ends the names of one test and two routes.
        ("cart", ["test:/cart", "route:GET /cart", "route:POST /cart"]),
        ("art", []),
    ],
)
def test_names(queries: RunQueries, name: str, found: list[str]) -> None:
    assert [subject.reference for subject in find_subjects(queries, name)] == found


def test_test_without_requests(queries: RunQueries) -> None:
    (folder,) = DataDir(".livecov").runs()
    for name in ("tests::test_cart", "tests::test_alone"):
        append_outcome(folder, Outcome(name, "failed", 7.0, NOW))
    with open_stored_runs(Path(".livecov"), [folder], None) as runs:
        (alone,) = find_subjects(runs.queries, "test_alone")
        assert (alone.reference, alone.requests, alone.duration_ms, alone.traces) == (
            "test:tests::test_alone",
            0,
            0,
            [],
        )
        assert executed_lines(runs.queries, alone).files == {}
        (cart,) = find_subjects(runs.queries, "test_cart")
        for subject in (alone, cart):
            assert subject.outcome is not None
            assert (subject.outcome.outcome, subject.outcome.test) == ("failed", subject.name)
        # A part of it, which sent no request, is not known.
        assert find_subject(runs.queries, "test", "tests::test_alone > part") is None


def test_difference() -> None:
    found = difference(GET, POST)
    assert [trace.line_numbers() for trace in (found.only_a, found.both, found.only_b)] == [
        {FILE: [2]}, {FILE: [1]}, {FILE: [3]},
    ]  # fmt: skip


def test_difference_of_contents() -> None:
    """Lines of different contents of a file are different lines, whatever their numbers."""
    found = difference(GET, trace_of({FILE: [1, 2]}, content="another"))
    assert [trace.line_numbers() for trace in (found.only_a, found.both, found.only_b)] == [
        {FILE: [1, 2]}, {}, {FILE: [1, 2]},
    ]  # fmt: skip
