"""Finds the sets of lines that are subsets of others, without comparing every pair."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from ..model.bitmap import to_bitmap


def positions(bitmap: int) -> Iterator[int]:
    """The positions of the bits in ``bitmap``, ascending; fast for long and sparse bitmaps, too."""
    digits = format(bitmap, "b")[::-1]
    position = digits.find("1")
    while position >= 0:
        yield position
        position = digits.find("1", position + 1)


class LineCounts:
    """The number of sets that contain each line, counted for all lines at once.

    The counts are bit-sliced: plane *k* holds bit *k* of every line's count, so that adding a set is an addition with
    carry of whole bitmaps.
    """

    def __init__(self, line_sets: Iterable[int]) -> None:
        self._planes: list[int] = []
        for lines in line_sets:
            self._add(lines)

    def _add(self, carry: int) -> None:
        for index, plane in enumerate(self._planes):
            if not carry:
                return
            self._planes[index], carry = plane ^ carry, plane & carry
        if carry:
            self._planes.append(carry)

    def rarest(self, lines: int) -> int:
        """The line of ``lines`` that is in the fewest sets; the lowest of several. ``lines`` must not be 0."""
        for plane in reversed(self._planes):
            lines = lines & ~plane or lines
        return (lines & -lines).bit_length() - 1


class Supersets:
    """The strict supersets of each of ``line_sets``, distinct bitmaps that are not empty.

    A superset contains the set's rarest line too, so only the few sets that contain it are compared.
    """

    def __init__(self, line_sets: Sequence[int]) -> None:
        self._line_sets = line_sets
        self._sizes = [lines.bit_count() for lines in line_sets]
        counts = LineCounts(line_sets)
        self._rarest = [counts.rarest(lines) for lines in line_sets]
        self._holders: dict[int, array[int]] = {line: array("I") for line in set(self._rarest)}
        rarest = to_bitmap(self._holders)
        for index in sorted(range(len(line_sets)), key=lambda index: -self._sizes[index]):
            for line in positions(line_sets[index] & rarest):
                self._holders[line].append(index)

    def of(self, index: int) -> Iterator[int]:
        """The indexes of the strict supersets of a set, largest first; equally large ones in their order."""
        lines, size = self._line_sets[index], self._sizes[index]
        for other in self._holders[self._rarest[index]]:
            if self._sizes[other] <= size:
                return
            if lines & self._line_sets[other] == lines:
                yield other
