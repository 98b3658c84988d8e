"""Sets of line numbers as bitmaps: bit *n* of a Python int stands for line *n*.

Union, intersection and difference are ``|``, ``&`` and ``& ~``; a set is one object, hashable, and compares at the
speed of memory. The journal stores bitmaps in hexadecimal, the store as coverage.py's numbits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_HEX = re.compile("[0-9a-f]+")


def to_bitmap(lines: Iterable[int]) -> int:
    """Return the bitmap of ``lines`` (numbers from 0 up, any order, repeats allowed)."""
    lines = set(lines)
    if not lines:
        return 0
    # Bits are set in a bytearray, because `bitmap |= 1 << line` copies the whole int for every line.
    octets = bytearray(max(lines) // 8 + 1)
    for line in lines:
        octets[line >> 3] |= 1 << (line & 7)
    return int.from_bytes(octets, "little")


def from_bitmap(bitmap: int) -> list[int]:
    """Return the line numbers in ``bitmap``, ascending."""
    return [
        8 * index + bit
        for index, octet in enumerate(to_numbits(bitmap))
        if octet
        for bit in range(8)
        if octet >> bit & 1
    ]


def to_ranges(lines: Iterable[int]) -> str:
    """Format ascending line numbers for people: ``1-3, 7``."""
    ranges: list[list[int]] = []
    for line in lines:
        if ranges and ranges[-1][1] == line - 1:
            ranges[-1][1] = line
        else:
            ranges.append([line, line])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)


def to_hex(bitmap: int) -> str:
    """Format ``bitmap`` as the journal stores it."""
    return format(bitmap, "x")


def from_hex(text: str) -> int:
    """Parse what :func:`to_hex` returned. Raises ValueError for any other text."""
    if not _HEX.fullmatch(text):
        raise ValueError(f"{text[:20]!r} is not a bitmap")
    return int(text, 16)


def to_numbits(bitmap: int) -> bytes:
    """Encode ``bitmap`` as coverage.py stores it: bit *n* of byte *m* stands for line *8m + n*."""
    return bitmap.to_bytes((bitmap.bit_length() + 7) // 8, "little")


def from_numbits(octets: bytes) -> int:
    """Decode what :func:`to_numbits` returned."""
    return int.from_bytes(octets, "little")
