"""Answers to compare: the table that a command prints, and numbers of reports and pages."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from ..support.processes import Invoke
from .shop import Shop

Table = Callable[..., list[list[str]]]


@pytest.fixture
def table(invoke: Invoke) -> Table:
    """The rows of the first table that a command prints."""

    def table(*arguments: str) -> list[list[str]]:
        result = invoke(*arguments)
        assert result.status == 0, result.stderr
        lines = iter(result.stdout.splitlines())
        # Two blanks at least are between columns, and under the head is a line for each of them.
        rule = next(line for line in lines if re.fullmatch(r"-+(  -+)*", line))
        spans = [match.span() for match in re.finditer("-+", rule)]
        rows = []
        for line in lines:
            if not line.strip():
                break
            rows.append([line[begin:end].strip() for begin, end in spans])
        return rows

    return table


def columns(rows: list[list[str]], *numbers: int) -> list[tuple[str, ...]]:
    return [tuple(row[number] for number in numbers) for row in rows]


def texts(rows: list[tuple[Any, ...]]) -> list[tuple[str, ...]]:
    return [tuple("" if cell is None else str(cell) for cell in row) for row in rows]


def count_of_requests(routes: dict[str, int]) -> str:
    count = sum(routes.values())
    return f"{count} request{'s' if count > 1 else ''}"


def who_of_page(shop: Shop, name: str, line: int) -> str:
    """The dashboard's answer about a line of a file."""
    return shop.page(f"ui/files/{shop.key(name)}", line=str(line)).text("line-details")


def numbers_of(summary: dict[str, Any]) -> tuple[int, int]:
    return summary["num_statements"], summary["missing_lines"]


def coverage_of_files(shop: Shop) -> dict[str, tuple[int, int]]:
    """Statements and missing ones by file, as the dashboard shows them."""
    return {row[0]: (int(row[1]), int(row[2])) for row in shop.page("ui/files").table("files")[1:-1]}
