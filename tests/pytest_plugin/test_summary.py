"""The names of tests, line references, and the summary.

Tests ``pytest_plugin.summary``, ``pytest_plugin.names`` and ``pytest_plugin.line_references``.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from flask_livecoverage.model.text import whole_name, window_name
from flask_livecoverage.pytest_plugin.line_references import find_missing
from flask_livecoverage.pytest_plugin.names import part_name, test_name
from flask_livecoverage.pytest_plugin.summary import summarise
from flask_livecoverage.testid.clients import sendable_name

from ..support.strategies import node_ids

quick = settings(max_examples=60, deadline=None)


class TestNames:
    @quick
    @given(node_ids, node_ids)
    def test_server_accepts_them_unchanged(self, node_id: str, part: str) -> None:
        for name in (test_name(node_id, ""), part_name(test_name(node_id, ""), part)):
            assert window_name(name) == sendable_name(name) == name
        assert test_name(test_name(node_id, ""), "") == test_name(node_id, "")
        assert whole_name(part_name(test_name(node_id, ""), part), {test_name(node_id, "")}) == test_name(node_id, "")

    @quick
    @given(node_ids, node_ids)
    def test_different_tests_have_different_names(self, one: str, other: str) -> None:
        assert (test_name(one, "") == test_name(other, "")) == (one == other)
        assert test_name(f"{one} ", "") != test_name(one, "")

    def test_readable_ids_are_unchanged(self) -> None:
        for node_id in ("tests/test_a.py::test_b[c d]", "tests/test_ä.py::TestÖ::test_→", "x" * 900, "é" * 500):
            assert test_name(node_id, "") == node_id
        assert test_name("a\nb", "").startswith("a\\nb #")

    @pytest.mark.parametrize(
        ("node_id", "domain", "name"),
        [
            ("t.py::test_api", "test_api[GET /a]", "t.py::test_api[GET /a]"),
            ("t.py::TestIt::test_api", "TestIt.test_api[GET /a]", "t.py::TestIt::test_api[GET /a]"),
            ("t.py::test_api[GET /a]", "test_api[GET /a]", "t.py::test_api[GET /a]"),
            ("t.py::test_api[x::y]", "test_api[x::y]", "t.py::test_api[x::y]"),
            ("t.py::test_api", "test_api_2[x]", "t.py::test_api"),
            ("t.rst::t.rst", "[doctest] t.rst", "t.rst::t.rst"),
            ("t.yaml", "", "t.yaml"),
        ],
    )
    def test_tests_that_share_a_node_id(self, node_id: str, domain: str, name: str) -> None:
        assert test_name(node_id, domain) == name

    def test_test_of_a_part(self) -> None:
        assert whole_name("t[a > b]", {"t[a > b]"}) == "t[a > b]"
        assert whole_name("t[a > b] > pay > more", {"t[a > b]", "t[a"}) == "t[a > b]"
        assert whole_name("unknown > x", {"t"}) == "unknown > x"


EXECUTED = {"shop/app.py": [3, 4, 10], "shop/views.py": [1], "admin/views.py": [7]}
STATEMENTS = {"shop/app.py": [3, 4, 8, 10], "shop/models.py": [1, 2], **{name: [1, 7] for name in ("shop/views.py",)}}


def missing(*references: str) -> list[str]:
    return find_missing(references, EXECUTED, lambda: STATEMENTS)


class TestLineReferences:
    @pytest.mark.parametrize(
        "reference",
        ["app.py:3", "shop/app.py:10", "/srv/shop/app.py:4", "app.py:3-4", "app.py:1-7", "app.py:9-99", "views.py:1-2"],
    )
    def test_ran(self, reference: str) -> None:
        assert missing(reference) == []

    @pytest.mark.parametrize(
        ("reference", "message"),
        [
            ("app.py:8", "app.py:8 was not executed by this test: of shop/app.py, it executed 3-4, 10"),
            ("app.py:3-8", "app.py:3-8: 8 not executed by this test: of shop/app.py, it executed 3-4, 10"),
            ("app.py:5-7", "app.py:5-7 contains no measured statement"),
            ("other.py:1-2", "other.py:1-2 contains no measured statement"),
            (
                "models.py:1",
                "models.py:1 was not executed by this test: it executed no line of models.py, but lines of "
                "admin/views.py, shop/app.py, shop/views.py",
            ),
            (
                "models.py:1-9",
                "models.py:1-9: 1-2 not executed by this test: it executed no line of models.py, but lines of "
                "admin/views.py, shop/app.py, shop/views.py",
            ),
        ],
    )
    def test_did_not_run(self, reference: str, message: str) -> None:
        assert missing("app.py:3", reference) == [message]

    def test_lines_that_begin_no_statement(self) -> None:
        """A statement ran if any of its lines did, not necessarily the first."""
        assert find_missing(["a.py:1-4"], {"a.py": [2, 4]}, lambda: {"a.py": [1, 4]}) == []
        assert find_missing(["a.py:1-4"], {"a.py": [4, 5]}, lambda: {"a.py": [1, 4]}) != []

    def test_nothing_at_all(self) -> None:
        (message,) = find_missing(["a.py:1"], {}, dict)
        assert message == "a.py:1 was not executed by this test: it has executed nothing in the server so far"

    @pytest.mark.parametrize(
        "reference", ["app.py", "app.py:", "app.py:x", "app.py:0", "app.py:4-3", ":3", "app.py:1-2-3"]
    )
    def test_malformed(self, reference: str) -> None:
        with pytest.raises(ValueError, match="not of the form FILE:LINE or FILE:FIRST-LAST"):
            missing(reference)

    def test_any_of_several_files(self) -> None:
        with pytest.raises(ValueError, match=r"'views.py' can be any of shop/views.py, admin/views.py: give more"):
            missing("views.py:1")


def document(tests: dict[str, list[int]], startup: list[int] | None = None, without_test: int = 0) -> dict[str, Any]:
    return {
        "tests": [{"test": name, "requests": 2, "traces": [name, "every"]} for name in tests],
        "traces": {"every": {"a.py": [1]}, **{name: {"a.py": lines} for name, lines in tests.items()}},
        "startup": {"a.py": startup} if startup else {},
        "requests_without_test": without_test,
    }


class TestSummary:
    def test_order_and_parts(self) -> None:
        tests = {"b": [1, 2, 3], "c > part": [5, 6], "c": [4], "else": [9], "a": [3, 4]}
        summary = summarise(document(tests, startup=[2]), ["a", "b", "c", "d"])

        assert [(row.test, row.requests, row.lines, row.new) for row in summary.rows] == [
            ("a", 2, 3, 3),
            ("b", 2, 3, 0),
            ("c", 4, 4, 2),
            ("else", 2, 2, 1),
        ]
        assert (summary.lines_in_all, summary.without_requests) == (7, 1)

    def test_short(self) -> None:
        tests = {f"test_{number:02}": [1, 2] for number in range(14)}
        summary = summarise(document(tests, [1], without_test=3), list(tests))

        text = list(summary.lines(0))
        assert text[:3] == [
            "14 tests executed 2 lines in the server, 1 of them not executed at start-up.",
            "3 requests without a test.",
            "13 tests added nothing to what start-up and earlier tests had executed:",
        ]
        assert text[3:] == [f"  test_{number:02}" for number in range(1, 11)] + ["  ... and 3 more: see -v"]
        assert len(list(summary.lines(-1))) == 3
        assert len(list(summary.lines(1))) == 2 + 14 + 1 + 3

    @pytest.mark.parametrize(
        ("unsure", "unnamed", "lines"),
        [
            (True, 3, ["2 tests named by no request, and 3 requests naming no test."]),
            (True, 0, ["2 tests sent no request."]),
            (False, 3, ["2 tests sent no request.", "3 requests without a test."]),
        ],
    )
    def test_tests_without_requests(self, unsure: bool, unnamed: int, lines: list[str]) -> None:
        """If clients send the tests' names, a request without a name may belong to a test that no request named."""
        summary = summarise(document({"a": [1]}, without_test=unnamed), ["a", "b", "c"], unsure=unsure)
        assert list(summary.lines(0))[1:] == lines
