"""Tests of bitmap: bitmaps follow the laws of sets and agree with coverage.py's numbits."""

from __future__ import annotations

import pytest
from coverage.numbits import numbits_intersection, numbits_to_nums, numbits_union, nums_to_numbits
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.model.bitmap import from_bitmap, from_hex, to_bitmap, to_hex

from ..support.strategies import line_sets


@given(line_sets)
def test_round_trips(lines: set[int]) -> None:
    bitmap = to_bitmap(lines)
    assert from_bitmap(bitmap) == sorted(lines)
    assert from_hex(to_hex(bitmap)) == bitmap
    assert bitmap.bit_count() == len(lines)


@given(st.lists(st.integers(min_value=0, max_value=300)))
def test_neither_order_nor_repeats_matter(lines: list[int]) -> None:
    assert to_bitmap(lines) == to_bitmap(iter(sorted(set(lines)))) == to_bitmap(reversed(lines))


@given(line_sets, line_sets)
def test_operators_are_those_of_sets(first: set[int], second: set[int]) -> None:
    a, b = to_bitmap(first), to_bitmap(second)
    assert from_bitmap(a | b) == sorted(first | second)
    assert from_bitmap(a & b) == sorted(first & second)
    assert from_bitmap(a & ~b) == sorted(first - second)
    assert (a == b) == (first == second)
    assert (a & b == a) == (first <= second)


@given(line_sets, line_sets)
def test_numbits_agree(first: set[int], second: set[int]) -> None:
    a, b = nums_to_numbits(first), nums_to_numbits(second)
    assert int.from_bytes(a, "little") == to_bitmap(first)
    assert sorted(numbits_to_nums(numbits_union(a, b))) == from_bitmap(to_bitmap(first) | to_bitmap(second))
    assert sorted(numbits_to_nums(numbits_intersection(a, b))) == from_bitmap(to_bitmap(first) & to_bitmap(second))


def test_empty_set_is_zero() -> None:
    assert to_bitmap([]) == 0
    assert from_bitmap(0) == []
    assert to_hex(0) == "0"


@pytest.mark.parametrize("text", ["", "-1", "0x1f", " 1", "1_0", "1G", "\N{ARABIC-INDIC DIGIT ONE}", "1\n"])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a bitmap"):
        from_hex(text)
