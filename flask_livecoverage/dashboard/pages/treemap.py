"""A treemap of files: as large as their statements, as dark as their coverage.

The layout is "squarified": Bruls, Huizing and van Wijk, "Squarified Treemaps", 2000. Rows are laid along the shorter
side of what is left, and one is closed when another rectangle would make its worst proportion worse.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..snapshot import FileFigures

WIDTH, HEIGHT = 720, 300
# Smaller ones could be neither seen nor hit.
_MOST_FILES = 400
_FOLDER_GAP = 2.0
# A label takes so many units a character, and so many in height.
_CHARACTER, _LINE = 6.2, 14.0
_SHORTEST_LABEL = 6


@dataclass(frozen=True)
class Rectangle:
    """A place on the map, in its units."""

    x: float
    y: float
    width: float
    height: float

    def without_edge(self, edge: float) -> Rectangle:
        """The part inside an edge of this width."""
        return Rectangle(
            self.x + edge, self.y + edge, max(0.0, self.width - 2 * edge), max(0.0, self.height - 2 * edge)
        )


@dataclass(frozen=True)
class Tile:
    """A file on the map; ``label`` is empty where there is no room for one.

    ``large_label`` is for a small screen, where characters take twice as much of the map.
    """

    file: FileFigures
    place: Rectangle
    label: str
    large_label: str


@dataclass(frozen=True)
class Treemap:
    """Files that are near each other in folders are so on the map; ``left_out`` counts those too small to be shown."""

    tiles: Sequence[Tile]
    left_out: int


def treemap(files: Iterable[FileFigures]) -> Treemap:
    """The map of those files that have statements."""
    counted = sorted((file for file in files if file.statements), key=lambda file: (-file.statements, file.name))
    folders: dict[str, list[FileFigures]] = {}
    for file in counted[:_MOST_FILES]:
        folders.setdefault(os.path.dirname(file.name), []).append(file)
    ordered = sorted(folders.values(), key=_size, reverse=True)
    tiles = []
    for folder, place in zip(ordered, squarify(list(map(_size, ordered)), Rectangle(0, 0, WIDTH, HEIGHT)), strict=True):
        inner = place.without_edge(_FOLDER_GAP / 2)
        places = squarify([file.statements for file in folder], inner)
        tiles += [
            Tile(file, tile, _label(file, tile), _label(file, tile, 2))
            for file, tile in zip(folder, places, strict=True)
        ]
    return Treemap(tiles, max(0, len(counted) - _MOST_FILES))


def _size(files: Iterable[FileFigures]) -> int:
    return sum(file.statements for file in files)


def _label(file: FileFigures, place: Rectangle, size: int = 1) -> str:
    """As much of the file's name as there is room for in letters of this size, if that is enough to recognise it."""
    name = os.path.basename(file.name)
    room = int((place.width - 8) / (size * _CHARACTER))
    if place.height < size * _LINE + 4 or room < min(len(name), _SHORTEST_LABEL):
        return ""
    return name if len(name) <= room else f"{name[: room - 1]}…"


def squarify(sizes: Sequence[float], place: Rectangle) -> list[Rectangle]:
    """A rectangle for each of ``sizes`` (positive, descending), which together fill ``place``."""
    total = sum(sizes)
    if not total or not place.width or not place.height:
        return [Rectangle(place.x, place.y, 0, 0) for _ in sizes]
    areas = [size * place.width * place.height / total for size in sizes]
    found: list[Rectangle] = []
    while areas:
        side = min(place.width, place.height)
        length = 1
        while length < len(areas) and _worst(areas[: length + 1], side) <= _worst(areas[:length], side):
            length += 1
        row, areas = areas[:length], areas[length:]
        laid, place = _lay(row, place)
        found += laid
    return found


def _worst(row: Sequence[float], side: float) -> float:
    """The worst proportion of the rectangles in a row along ``side``; the areas are descending."""
    total = sum(row)
    return max(side * side * row[0] / (total * total), total * total / (side * side * row[-1]))


def _lay(row: Sequence[float], place: Rectangle) -> tuple[list[Rectangle], Rectangle]:
    """The rectangles of a row along the shorter side of ``place``, and what is left of it."""
    total = sum(row)
    laid, offset = [], 0.0
    if place.width >= place.height:
        depth = total / place.height
        for area in row:
            laid.append(Rectangle(place.x, place.y + offset, depth, area / depth))
            offset += area / depth
        return laid, Rectangle(place.x + depth, place.y, max(0.0, place.width - depth), place.height)
    depth = total / place.width
    for area in row:
        laid.append(Rectangle(place.x + offset, place.y, area / depth, depth))
        offset += area / depth
    return laid, Rectangle(place.x, place.y + depth, place.width, max(0.0, place.height - depth))
