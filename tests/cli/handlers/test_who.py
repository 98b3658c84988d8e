"""``who``, asked about a run whose lines are known, and about a file that is as it was recorded.

Tests ``cli.handlers.line_references``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.sources.content import content_hash

from ...support.journals import Writer, trace_of
from ...support.processes import Ask, Invoke
from .tea_shop import NOW


class TestWho:
    @pytest.mark.parametrize("reference", ["shop/views.py:10", "views.py:10", "/srv/shop/views.py:10"])
    def test_line(self, ask: Ask, reference: str) -> None:
        answer = ask("who", reference)
        assert (answer["file"], answer["line"], answer["requests"], answer["startup"]) == ("shop/views.py", 10, 4, True)
        assert answer["tests"] == [
            {"test": "test_tea[2]", "requests": 2, "outcome": None},
            {"test": "test_list", "requests": 1, "outcome": None},
            {"test": "test_tea[1]", "requests": 1, "outcome": None},
        ]
        assert answer["routes"] == [{"route": "GET /", "requests": 2}, {"route": "GET /tea/<int:cup>", "requests": 2}]
        assert [request["id"] for request in answer["latest"]] == [f"aaaaaaaa-{n}" for n in (4, 3, 2, 1)]

    def test_limit(self, ask: Ask) -> None:
        assert [request["id"] for request in ask("who", "views.py:10", "--limit", "1")["latest"]] == ["aaaaaaaa-4"]

    def test_line_that_ran_at_start_up_alone(self, invoke: Invoke, writer: Writer) -> None:
        assert invoke("who", "views.py:2").stdout == "No request executed shop/views.py:2; it ran at start-up.\n"

    def test_line_that_did_not_run(self, invoke: Invoke, writer: Writer) -> None:
        assert invoke("who", "views.py:99").stdout == "No request executed shop/views.py:99.\n"

    def test_text(self, invoke: Invoke, writer: Writer) -> None:
        lines = invoke("who", "pay.py:7").stdout.splitlines()
        assert lines[0] == "/elsewhere/pay.py:7 was executed by 1 request."
        assert lines[4].split() == ["POST", "/buy", "1"]


SOURCE = """\
# A comment.

def total(prices):
    result = sum(  # over two lines
        prices
    )
    return result

if TYPE_CHECKING:  # pragma: no cover
    import typing"""


class TestWhoInAnUnchangedFile:
    """Where the file is as it was recorded, its statements are known."""

    @pytest.fixture
    def source(self, writer: Writer, tmp_path: Path) -> Path:
        source = tmp_path / "prices.py"
        source.write_text(SOURCE)
        writer.request(trace_of({str(source): [4, 7]}, content=content_hash(str(source))), NOW, test="adds up")
        return source

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (11, "has 10 lines, and no line 11"),
            (999_999_999, "has 10 lines, and no line 999999999"),
            (1, "prices.py:1 is not a statement: nothing can execute it"),
            (2, "prices.py:2 is not a statement: nothing can execute it"),
            (10, "prices.py:10 is excluded by coverage.py's configuration"),
        ],
    )
    def test_line_that_requests_cannot_execute(self, invoke: Invoke, source: Path, line: int, message: str) -> None:
        result = invoke("who", f"prices.py:{line}")
        assert (result.status, result.stdout) == (2, "")
        assert result.stderr.startswith("Error: ")
        assert message in result.stderr
        assert result.stderr.count("\n") == 1

    @pytest.mark.parametrize("line", [4, 5, 6])
    def test_any_line_of_a_statement(self, ask: Ask, source: Path, line: int) -> None:
        answer = ask("who", f"prices.py:{line}")
        assert answer["tests"] == [{"test": "adds up", "requests": 1, "outcome": None}]
        assert answer["line"] == line

    def test_statement_that_did_not_run(self, invoke: Invoke, source: Path) -> None:
        result = invoke("who", "prices.py:3")
        assert (result.status, result.stderr) == (0, "")
        assert result.stdout.startswith("No request executed ")

    def test_file_that_has_changed(self, invoke: Invoke, source: Path) -> None:
        source.write_text("shorter\n")
        for line in (9, 7):
            result = invoke("who", f"prices.py:{line}")
            assert result.status == 0
            assert result.stderr == (
                f"Warning: {source} is not here as it was recorded: lines have the numbers that they had then\n"
            )
