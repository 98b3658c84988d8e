"""Counts and marks of a file's statements."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.counted_files import CountedFile, Counts, is_mark, is_telling, marks_of

counts = st.integers(0, 400).flatmap(
    lambda statements: st.builds(Counts, st.just(statements), st.integers(0, statements))
)


class TestMarks:
    def test_lines_keep_theirs_when_they_are_moved_and_indented(self) -> None:
        before = marks_of(b"first = 1\nsecond = 2\n", to_bitmap([1, 2]))
        after = marks_of(b"import os\r\n\tsecond = 2  \rfirst = 1", to_bitmap([2, 3]))
        assert before == after[::-1]
        assert len(set(before)) == 2

    @pytest.mark.parametrize(
        ("line", "telling"),
        [
            (b"return None", False),
            (b"# - - - - - - - - - - - - - - - -", False),
            (b"return invoices.total(self)", True),
            ("größe = länge * breite * höhe".encode(), True),
        ],
    )
    def test_short_lines_are_not_telling(self, line: bytes, telling: bool) -> None:
        (mark,) = marks_of(line, to_bitmap([1]))
        assert is_telling(mark) == telling

    @given(st.binary(max_size=200), st.sets(st.integers(1, 20)))
    def test_there_is_one_for_each_statement(self, source: bytes, lines: set[int]) -> None:
        marks = marks_of(source, to_bitmap(lines))
        assert len(marks) == len(lines)
        assert all(map(is_mark, marks))

    @pytest.mark.parametrize("text", ["", "abc", "abcde", "ab+c", "abc\n", "äbcd"])
    def test_others_are_none(self, text: str) -> None:
        assert not is_mark(text)


class TestCounts:
    @given(counts, counts)
    def test_are_compared_without_rounding(self, one: Counts, other: Counts) -> None:
        parts = [Fraction(each.covered, each.statements) if each.statements else 1 for each in (one, other)]
        assert one.is_below(other) == (parts[0] < parts[1])

    def test_the_smallest_difference_counts(self) -> None:
        assert Counts(10**9, 10**9 - 2).is_below(Counts(10**9, 10**9 - 1))

    @given(st.lists(counts))
    def test_sum(self, all_counts: list[Counts]) -> None:
        found = Counts.sum(all_counts)
        assert found.missing == sum(one.missing for one in all_counts)

    def test_percent_without_statements(self) -> None:
        assert (Counts().percent, Counts(4, 3).percent) == (100, 75)


def test_file() -> None:
    file = CountedFile("0123456789abcdef", to_bitmap([1, 3, 4]), to_bitmap([3]))
    assert (file.lines, file.counts, file.is_covered(3), file.is_covered(4)) == ([1, 3, 4], Counts(3, 1), True, False)
