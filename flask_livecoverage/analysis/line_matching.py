"""Finds the lines of one version of a file in another one, also those that moved."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

Matches = dict[int, int]
Pairs = list[tuple[int, int]]

# Of repeated lines: each occurrence before with each one after. If there are more, the lines that are repeated most
# often are not aligned, because it takes too long.
_MAX_PAIRS = 300_000


def match_lines(before: Sequence[str], after: Sequence[str], is_telling: Callable[[str], bool]) -> Matches:
    """Return for lines of ``before`` their places in ``after`` (both from 0), where they are again.

    Lines that occur once in each version are found wherever they are now, and with them their equal neighbours, as in
    Heckel's diff. All other lines are found if they are between the same ones as before, as in any diff. A line that
    moved alone counts only if it ``is_telling``, because short ones (``return None``) may just be alike.
    """
    left = _Left(before, after)
    matches: Matches = {}
    for line, place in _unique_in_both(before, after):
        block = left.block_around(line, place)
        if len(block) > 1 or any(is_telling(before[line]) for line in block):
            matches.update(left.take(block))
    bounds = [(-1, -1), *_increasing(sorted(matches.items())), (len(before), len(after))]
    for (low, start), (high, end) in pairwise(bounds):
        lines, places = left.between(range(low + 1, high), range(start + 1, end))
        aligned = _align([before[line] for line in lines], [after[place] for place in places])
        matches.update((lines[line], places[place]) for line, place in aligned)
    return matches


class _Left:
    """The lines of both versions that were not found again yet."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        self._before = before
        self._after = after
        self._lines = set(range(len(before)))
        self._places = set(range(len(after)))

    def block_around(self, line: int, place: int) -> Matches:
        """Return the lines around ``line`` that are also around ``place``, in this order; empty if it is not left."""
        if not self._is_same(line, place):
            return {}
        block = {line: place}
        for step in (-1, 1):
            distance = step
            while self._is_same(line + distance, place + distance):
                block[line + distance] = place + distance
                distance += step
        return block

    def _is_same(self, line: int, place: int) -> bool:
        return line in self._lines and place in self._places and self._before[line] == self._after[place]

    def take(self, block: Matches) -> Matches:
        """Remove the lines of ``block``, and return it."""
        self._lines -= block.keys()
        self._places -= set(block.values())
        return block

    def between(self, lines: range, places: range) -> tuple[list[int], list[int]]:
        """Return those that are left of ``lines`` and of ``places``."""
        return [line for line in lines if line in self._lines], [place for place in places if place in self._places]


def _unique_in_both(before: Sequence[str], after: Sequence[str]) -> Pairs:
    """Return the places of the lines that occur once in ``before`` and once in ``after``."""
    counts, counts_after = Counter(before), Counter(after)
    places = {line: place for place, line in enumerate(after)}
    return [(number, places[line]) for number, line in enumerate(before) if counts[line] == 1 == counts_after[line]]


def _increasing(pairs: Pairs) -> Pairs:
    """Return the longest part of ``pairs`` whose second numbers ascend; their first numbers do."""
    # The lowest end of a part of each length, and the index of the pair that is this end.
    ends: list[int] = []
    chosen: list[int] = []
    previous: list[int | None] = []
    for index, (_, place) in enumerate(pairs):
        length = bisect_left(ends, place)
        previous.append(chosen[length - 1] if length else None)
        ends[length : length + 1] = [place]
        chosen[length : length + 1] = [index]
    found: Pairs = []
    last = chosen[-1] if chosen else None
    while last is not None:
        found.append(pairs[last])
        last = previous[last]
    return found[::-1]


def _align(before: Sequence[str], after: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of equal lines that are in the same order in both, first those that are unique between others."""
    ranges = [(0, len(before), 0, len(after))]
    while ranges:
        low, high, start, end = ranges.pop()
        while low < high and start < end and before[low] == after[start]:
            yield low, start
            low, start = low + 1, start + 1
        while low < high and start < end and before[high - 1] == after[end - 1]:
            high, end = high - 1, end - 1
            yield high, end
        if low == high or start == end:
            continue
        anchors = _increasing(_unique_in_both(before[low:high], after[start:end]))
        if anchors:
            # Each range begins with its anchor, which is then the first of its equal lines.
            bounds = [(low, start), *((low + line, start + place) for line, place in anchors), (high, end)]
            ranges += [(one, next_one, other, next_other) for (one, other), (next_one, next_other) in pairwise(bounds)]
        else:
            yield from (
                (low + line, start + place) for line, place in _align_repeated(before[low:high], after[start:end])
            )


def _align_repeated(before: Sequence[str], after: Sequence[str]) -> Pairs:
    """Return the longest common part of both, in their order."""
    places: dict[str, list[int]] = {line: [] for line in _alignable(before, after)}
    # With descending places for each line, an increasing part has each line once.
    for place in reversed(range(len(after))):
        if after[place] in places:
            places[after[place]].append(place)
    return _increasing([(number, place) for number, line in enumerate(before) for place in places.get(line, ())])


def _alignable(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    """Yield the lines that are in both, without those that make too many pairs."""
    counts, counts_after = Counter(before), Counter(after)
    pairs = {line: counts[line] * counts_after[line] for line in counts.keys() & counts_after.keys()}
    room = _MAX_PAIRS
    for line, count in sorted(pairs.items(), key=lambda item: (item[1], item[0])):
        room -= count
        if room < 0:
            return
        yield line
