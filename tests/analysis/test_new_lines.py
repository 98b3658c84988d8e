"""The request that was the first to run a line, checked against a replay in order of time."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.new_lines import NewLines

from ..support.strategies import lines_over_time, start_up_lines

Run = tuple[str, str, int]


def owners(new_lines: NewLines, file: str) -> dict[int, str]:
    return {line: share.trace for share in new_lines.shares(file) for line in range(8) if share.lines >> line & 1}


def replay(runs: list[tuple[float, Run]], bases: list[tuple[str, int]], file: str) -> dict[int, str]:
    """The first trace of each line, found one line at a time, in order of time."""
    found: dict[int, str] = {}
    base = {line for name, lines in bases if name == file for line in range(8) if lines >> line & 1}
    for _, (name, trace, lines) in sorted(runs, key=lambda run: run[0]):
        for line in range(8):
            if name == file and lines >> line & 1 and line not in base:
                found.setdefault(line, trace)
    return found


@given(lines_over_time, start_up_lines, st.randoms(use_true_random=False), st.integers(0, 12))
def test_any_order_equals_a_replay(runs: list[Run], bases: list[tuple[str, int]], rng, late: int) -> None:
    timed = [(float(at), run) for at, run in enumerate(runs)]
    shuffled = timed[:]
    rng.shuffle(shuffled)
    new_lines = NewLines()
    for number, (at, (file, trace, lines)) in enumerate(shuffled):
        if number == late:
            for base in bases:
                new_lines.add_base(*base)
        new_lines.add(file, trace, at, lines)
    if late >= len(shuffled):
        for base in bases:
            new_lines.add_base(*base)
    for file in "ab":
        assert owners(new_lines, file) == replay(timed, bases, file)
        everything = [lines for _, (name, _, lines) in timed if name == file]
        everything += [lines for name, lines in bases if name == file]
        assert new_lines.covered(file) == reduce(or_, everything, 0)


class TestAtTheSameTime:
    def test_the_later_one_takes_over(self) -> None:
        """A request's trace with its late lines is a separate one, and contains all lines of the first."""
        new_lines = NewLines()
        new_lines.add("a", "before", 1.0, 0b0110)
        new_lines.add("a", "amended", 1.0, 0b1110)
        assert owners(new_lines, "a") == {1: "amended", 2: "amended", 3: "amended"}

    def test_no_empty_shares_are_kept(self) -> None:
        new_lines = NewLines()
        new_lines.add("a", "late", 2.0, 0b11)
        new_lines.add("a", "early", 1.0, 0b11)
        new_lines.add("a", "nothing", 3.0, 0b11)
        assert [share.trace for share in new_lines.shares("a")] == ["early"]


@pytest.mark.parametrize("file", ["never seen", ""])
def test_unknown_files_are_empty(file: str) -> None:
    new_lines = NewLines()
    assert new_lines.covered(file) == 0
    assert list(new_lines.shares(file)) == []
