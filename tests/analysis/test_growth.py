"""The request that was the first to run a line, checked against a replay in order of time."""

from __future__ import annotations

from functools import reduce
from operator import or_

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.growth import Growth

from ..support.strategies import lines_over_time, start_up_lines

Run = tuple[str, str, int]


def owners(growth: Growth, file: str) -> dict[int, str]:
    return {line: share.trace for share in growth.shares(file) for line in range(8) if share.lines >> line & 1}


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
    growth = Growth()
    for number, (at, (file, trace, lines)) in enumerate(shuffled):
        if number == late:
            for base in bases:
                growth.add_base(*base)
        growth.add(file, trace, at, lines)
    if late >= len(shuffled):
        for base in bases:
            growth.add_base(*base)
    for file in "ab":
        assert owners(growth, file) == replay(timed, bases, file)
        everything = [lines for _, (name, _, lines) in timed if name == file]
        everything += [lines for name, lines in bases if name == file]
        assert growth.covered(file) == reduce(or_, everything, 0)


class TestAtTheSameTime:
    def test_the_later_one_takes_over(self) -> None:
        """A request's trace with its late lines is a separate one, and contains all lines of the first."""
        growth = Growth()
        growth.add("a", "before", 1.0, 0b0110)
        growth.add("a", "amended", 1.0, 0b1110)
        assert owners(growth, "a") == {1: "amended", 2: "amended", 3: "amended"}

    def test_no_empty_shares_are_kept(self) -> None:
        growth = Growth()
        growth.add("a", "late", 2.0, 0b11)
        growth.add("a", "early", 1.0, 0b11)
        growth.add("a", "nothing", 3.0, 0b11)
        assert [share.trace for share in growth.shares("a")] == ["early"]


@pytest.mark.parametrize("file", ["never seen", ""])
def test_unknown_files_are_empty(file: str) -> None:
    growth = Growth()
    assert growth.covered(file) == 0
    assert list(growth.shares(file)) == []
