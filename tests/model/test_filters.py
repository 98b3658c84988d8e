"""Filters as they are written: statuses, moments, times ago."""

from __future__ import annotations

import pytest

from flask_livecoverage.model.filters import parse_since, parse_status

NOW = 1_700_000_000.0


@pytest.mark.parametrize(
    ("text", "expected"), [("404", (404, 404)), ("4xx", (400, 499)), ("5XX", (500, 599)), ("100", (100, 100))]
)
def test_status(text: str, expected: tuple[int, int]) -> None:
    assert parse_status(text) == expected


@pytest.mark.parametrize("text", ["", "4", "4x", "600", "xxx", "40", "4044", "\u0664\u0660\u0664"])
def test_no_status(text: str) -> None:
    with pytest.raises(ValueError, match="use a status"):
        parse_status(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1700000000", 1_700_000_000.0), ("1700000000.25", 1_700_000_000.25),
        ("2023-11-14T22:13:20+00:00", 1_700_000_000.0), ("2023-11-14T22:13:20Z", 1_700_000_000.0),
    ],
)  # fmt: skip
def test_moment(text: str, expected: float) -> None:
    assert parse_since(text) == expected


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1.5h", 5400), ("2d", 172_800)])
def test_time_ago(text: str, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    assert parse_since(text) == NOW - seconds


@pytest.mark.parametrize("text", ["", "yesterday", "10", "-5m", "5 m", "1e400", "2023-13-01", "10y"])
def test_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="use a time ago"):
        parse_since(text)
