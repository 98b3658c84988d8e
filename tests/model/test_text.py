"""Tests of text: whole numbers. The names that clients choose are tested in ``end_to_end/hostile/test_names``."""

from __future__ import annotations

import pytest

from flask_livecoverage.model.text import counted, whole_number


@pytest.mark.parametrize(
    ("text", "highest", "number"),
    [
        ("0", 9, 0), ("007", 100, 7), ("65535", 65535, 65535), ("65536", 65535, None), ("9" * 5000, 65535, None),
        ("0" * 5000, 65535, None), ("", 9, None), ("-1", 9, None), ("1.0", 100, None), ("\u00b2", 9, None),
        ("\u0664", 9, None), (" 1", 99, None), ("1_0", 999, None),
    ],
)  # fmt: skip
def test_whole_number(text: str, highest: int, number: int | None) -> None:
    assert whole_number(text, highest) == number


def test_counted() -> None:
    assert [counted(count, "file") for count in (0, 1, 2, 1000)] == ["0 files", "1 file", "2 files", "1,000 files"]
