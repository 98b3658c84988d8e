"""A treemap of files: the area of each shows its number of statements, the colour its coverage.

The layout is "squarified": Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000. Rows are placed along the shorter
side of the remaining area, and a row ends when another rectangle would make its worst aspect ratio worse.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..snapshot import FileSnapshot

WIDTH, HEIGHT = 720, 300
# More tiles would be too small to be seen or clicked.
_MAX_FILES = 400
_FOLDER_GAP = 2.0
# The width of a character of a label, and the height of a label, in units of the map.
_CHARACTER, _LINE = 6.2, 14.0
_SHORTEST_LABEL = 6


@dataclass(frozen=True)
class Rectangle:
    """A rectangle on the map, in its units."""

    x: float
    y: float
    width: float
    height: float

    def without_edge(self, edge: float) -> Rectangle:
        """Return the part inside an edge of this width."""
        return Rectangle(
            self.x + edge, self.y + edge, max(0.0, self.width - 2 * edge), max(0.0, self.height - 2 * edge)
        )


@dataclass(frozen=True)
class Tile:
    """A file on the map; ``label`` is empty where there is no room for one.

    ``large_label`` is for small screens, where characters are twice as large relative to the map.
    """

    file: FileSnapshot
    rectangle: Rectangle
    label: str
    large_label: str


@dataclass(frozen=True)
class Treemap:
    """Files of the same folder are adjacent on the map; ``left_out`` counts the files too small to be shown."""

    tiles: Sequence[Tile]
    left_out: int


def treemap(files: Iterable[FileSnapshot]) -> Treemap:
    """Return the map of the files that have statements."""
    counted = sorted((file for file in files if file.statements), key=lambda file: (-file.statements, file.name))
    folders: dict[str, list[FileSnapshot]] = {}
    for file in counted[:_MAX_FILES]:
        folders.setdefault(os.path.dirname(file.name), []).append(file)
    ordered = sorted(folders.values(), key=_size, reverse=True)
    tiles = []
    whole = Rectangle(0, 0, WIDTH, HEIGHT)
    for folder, outer in zip(ordered, squarify(list(map(_size, ordered)), whole), strict=True):
        inner = outer.without_edge(_FOLDER_GAP / 2)
        rectangles = squarify([file.statements for file in folder], inner)
        tiles += [
            Tile(file, rectangle, _label(file, rectangle), _label(file, rectangle, 2))
            for file, rectangle in zip(folder, rectangles, strict=True)
        ]
    return Treemap(tiles, max(0, len(counted) - _MAX_FILES))


def _size(files: Iterable[FileSnapshot]) -> int:
    return sum(file.statements for file in files)


def _label(file: FileSnapshot, rectangle: Rectangle, size: int = 1) -> str:
    """The file's name, cut to fit in letters of this size; empty if the rest would not be recognisable."""
    name = os.path.basename(file.name)
    room = int((rectangle.width - 8) / (size * _CHARACTER))
    if rectangle.height < size * _LINE + 4 or room < min(len(name), _SHORTEST_LABEL):
        return ""
    return name if len(name) <= room else f"{name[: room - 1]}…"


def squarify(sizes: Sequence[float], rest: Rectangle) -> list[Rectangle]:
    """Return a rectangle for each of ``sizes`` (positive, descending), which together fill ``rest``."""
    total = sum(sizes)
    if not total or not rest.width or not rest.height:
        return [Rectangle(rest.x, rest.y, 0, 0) for _ in sizes]
    areas = [size * rest.width * rest.height / total for size in sizes]
    found: list[Rectangle] = []
    while areas:
        side = min(rest.width, rest.height)
        length = 1
        while length < len(areas) and _worst(areas[: length + 1], side) <= _worst(areas[:length], side):
            length += 1
        row, areas = areas[:length], areas[length:]
        placed, rest = _place_row(row, rest)
        found += placed
    return found


def _worst(row: Sequence[float], side: float) -> float:
    """The worst aspect ratio of the rectangles in a row along ``side``; the areas are descending."""
    total = sum(row)
    return max(side * side * row[0] / (total * total), total * total / (side * side * row[-1]))


def _place_row(row: Sequence[float], rest: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """Return the rectangles of a row along the shorter side of ``rest``, and the remaining part of ``rest``."""
    total = sum(row)
    placed, offset = [], 0.0
    if rest.width >= rest.height:
        depth = total / rest.height
        for area in row:
            placed.append(Rectangle(rest.x, rest.y + offset, depth, area / depth))
            offset += area / depth
        return placed, Rectangle(rest.x + depth, rest.y, max(0.0, rest.width - depth), rest.height)
    depth = total / rest.width
    for area in row:
        placed.append(Rectangle(rest.x + offset, rest.y, area / depth, depth))
        offset += area / depth
    return placed, Rectangle(rest.x, rest.y + depth, rest.width, max(0.0, rest.height - depth))
