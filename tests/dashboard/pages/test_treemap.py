"""The treemap of files: areas are sizes, and nothing overlaps."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given

from flask_livecoverage.dashboard.pages.treemap import HEIGHT, WIDTH, Rectangle, squarify, treemap
from flask_livecoverage.dashboard.snapshot import FileSnapshot
from flask_livecoverage.model.records import FileStatements

from ...support import strategies


def overlap(one: Rectangle, other: Rectangle) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)


class TestTreemap:
    @given(strategies.sizes)
    def test_areas_are_sizes(self, sizes: list[int]) -> None:
        whole = Rectangle(10, 20, 720, 300)
        found = squarify(sizes, whole)
        for size, tile in zip(sizes, found, strict=True):
            assert tile.width * tile.height == pytest.approx(size / sum(sizes) * 720 * 300)

    @given(strategies.sizes)
    def test_nothing_overlaps_and_all_is_inside(self, sizes: list[int]) -> None:
        whole = Rectangle(10, 20, 720, 300)
        found = squarify(sizes, whole)
        for tile in found:
            assert overlap(tile, whole) == pytest.approx(tile.width * tile.height)
        for one, other in itertools.combinations(found, 2):
            assert overlap(one, other) < 1e-6

    def test_rectangles_of_the_paper(self) -> None:
        """Figure 3 of "Squarified Treemaps": 6, 6, 4, 3, 2, 2, 1 in 6 by 4."""
        found = squarify([6, 6, 4, 3, 2, 2, 1], Rectangle(0, 0, 6, 4))
        assert [(round(tile.width, 2), round(tile.height, 2)) for tile in found] == [
            (3, 2), (3, 2), (1.71, 2.33), (1.29, 2.33), (1.2, 1.67), (1.2, 1.67), (0.6, 1.67),
        ]  # fmt: skip

    def test_files(self) -> None:
        files = [file(f"package_{number % 3}/module_{number}.py", 10 + number) for number in range(30)]
        found = treemap([*files, file("empty.py", 0)])
        assert {tile.file.name for tile in found.tiles} == {file.name for file in files}
        assert found.left_out == 0
        total = sum(tile.rectangle.width * tile.rectangle.height for tile in found.tiles)
        # But for the gaps between folders.
        assert 0.97 * WIDTH * HEIGHT < total < WIDTH * HEIGHT
        for one, other in itertools.combinations(found.tiles, 2):
            assert overlap(one.rectangle, other.rectangle) < 1e-6

    def test_too_many_files(self) -> None:
        found = treemap([file(f"module_{number}.py", 1 + number % 7) for number in range(1000)])
        assert (len(found.tiles), found.left_out) == (400, 600)
        assert min(tile.file.statements for tile in found.tiles) == 5

    def test_nothing(self) -> None:
        assert treemap([]).tiles == []


def file(name: str, statements: int) -> FileSnapshot:
    return FileSnapshot(f"/srv/{name}", name, "content", 1, FileStatements((1 << statements) - 1), 0)
