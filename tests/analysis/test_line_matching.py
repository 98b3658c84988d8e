"""Lines that are found again, checked against the identity of lines that occur once, and against a diff by hand."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flask_livecoverage.analysis.line_matching import Matches, match_lines

from ..support.strategies import EditedFile, edited_files


def is_long(line: str) -> bool:
    return len(line) >= 20


def match(before: list[str], after: list[str]) -> Matches:
    return match_lines([line.strip() for line in before], [line.strip() for line in after], is_long)


@given(edited_files())
def test_unique_lines_are_found_wherever_they_are(file: EditedFile) -> None:
    matches = match(file.before, file.after)
    places = {line.strip(): place for place, line in enumerate(file.after)}
    for number, line in enumerate(file.before):
        if line in file.unique:
            assert matches.get(number) == places.get(line)


@given(edited_files())
def test_lines_are_matched_with_equal_ones_once(file: EditedFile) -> None:
    matches = match(file.before, file.after)
    assert all(file.before[line] == file.after[place].strip() for line, place in matches.items())
    assert len(set(matches.values())) == len(matches)


@given(st.lists(st.sampled_from("abc"), max_size=30), st.lists(st.sampled_from("abc"), max_size=30))
def test_texts_without_unique_lines_are_aligned_in_their_order(before: list[str], after: list[str]) -> None:
    before, after = 2 * before, 2 * after
    matches = match(before, after)
    assert all(before[line] == after[place] for line, place in matches.items())
    assert sorted(matches.items()) == list(zip(sorted(matches), sorted(matches.values()), strict=True))


@given(st.lists(st.text("ab", max_size=2)))
def test_equal_texts_match_line_for_line(lines: list[str]) -> None:
    assert match(lines, lines) == {number: number for number in range(len(lines))}


class TestRepeatedLines:
    def test_they_follow_their_neighbours(self) -> None:
        before = [
            "def first(): ...",
            "return None",
            "def second(): ...",
            "return None",
            "def third(): ...",
            "return None",
        ]
        after = [*before[4:], *before[2:4], *before[:2]]
        # Equal lines are matched by the first line of their function.
        assert match(before, after) == {0: 4, 1: 5, 2: 2, 3: 3, 4: 0, 5: 1}

    def test_a_short_line_that_moved_alone_is_another_one(self) -> None:
        assert match(["a", "b", "return None"], ["return None", "a", "b"]) == {0: 1, 1: 2}
        long = "return the_sum_of_all_prices"
        assert match(["a", "b", long], [long, "a", "b"]) == {0: 1, 1: 2, 2: 0}

    def test_inserted_before_equal_ones(self) -> None:
        assert match(["x", "x"], ["x", "x", "x"]) == {0: 0, 1: 1}


@pytest.mark.parametrize("lines", [["a", "b", "c"], ["x"]])
def test_large_files_with_few_different_lines(lines: list[str]) -> None:
    """They have no line to begin with. The time for all pairs of them grows with the product of their lengths."""
    draw = random.Random(1)
    before, after = draw.choices(lines, k=3000), draw.choices([*lines, "y"], k=3000)
    matches = match(before, after)
    assert all(before[line] == after[place] for line, place in matches.items())


@given(st.lists(st.sampled_from("abc"), max_size=15), st.lists(st.sampled_from("abc"), max_size=15))
def test_the_longest_common_part_is_aligned(before: list[str], after: list[str]) -> None:
    """If no line is unique between the first and the last difference."""
    before, after = 2 * before, 2 * after
    first = count_equal(before, after)
    last = count_equal(before[first:][::-1], after[first:][::-1])
    parts = [lines[first : len(lines) - last] for lines in (before, after)]
    assume(not any(parts[0].count(line) == 1 == parts[1].count(line) for line in parts[0]))
    assert len(match(before, after)) == longest_common(before, after)


def count_equal(before: list[str], after: list[str]) -> int:
    """The number of equal lines at the beginning."""
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False))))


def longest_common(before: list[str], after: list[str]) -> int:
    """The length of the longest common subsequence, by the table of all prefixes."""
    lengths = [[0] * (len(after) + 1) for _ in range(len(before) + 1)]
    for number, line in enumerate(before, 1):
        for place, other in enumerate(after, 1):
            longest = max(lengths[number - 1][place], lengths[number][place - 1])
            lengths[number][place] = lengths[number - 1][place - 1] + 1 if line == other else longest
    return lengths[-1][-1]
