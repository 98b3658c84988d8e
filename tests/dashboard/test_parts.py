"""The parts that pages are made of: maps, curves, tables, background work."""

from __future__ import annotations

import gc
import itertools
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.dashboard import background as background_module
from flask_livecoverage.dashboard import gc_policy
from flask_livecoverage.dashboard.background import Background, Progress
from flask_livecoverage.dashboard.pages import chart as curves
from flask_livecoverage.dashboard.pages.chart import curve
from flask_livecoverage.dashboard.pages.pagination import Part, Sorting, part, sort, sorting
from flask_livecoverage.dashboard.pages.treemap import HEIGHT, WIDTH, Rectangle, squarify, treemap
from flask_livecoverage.dashboard.snapshot import FileFigures
from flask_livecoverage.errors import DataError, LiveCoverageError
from flask_livecoverage.model.records import FileStatements

SIZES = st.lists(st.integers(1, 1000), min_size=1, max_size=40).map(lambda sizes: sorted(sizes, reverse=True))


def overlap(one: Rectangle, other: Rectangle) -> float:
    width = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    height = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return max(0.0, width) * max(0.0, height)


class TestTreemap:
    @given(SIZES)
    def test_areas_are_sizes(self, sizes: list[int]) -> None:
        place = Rectangle(10, 20, 720, 300)
        found = squarify(sizes, place)
        for size, tile in zip(sizes, found, strict=True):
            assert tile.width * tile.height == pytest.approx(size / sum(sizes) * 720 * 300)

    @given(SIZES)
    def test_nothing_overlaps_and_all_is_inside(self, sizes: list[int]) -> None:
        place = Rectangle(10, 20, 720, 300)
        found = squarify(sizes, place)
        for tile in found:
            assert overlap(tile, place) == pytest.approx(tile.width * tile.height)
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
        total = sum(tile.place.width * tile.place.height for tile in found.tiles)
        # But for the gaps between folders.
        assert 0.97 * WIDTH * HEIGHT < total < WIDTH * HEIGHT
        for one, other in itertools.combinations(found.tiles, 2):
            assert overlap(one.place, other.place) < 1e-6

    def test_too_many_files(self) -> None:
        found = treemap([file(f"module_{number}.py", 1 + number % 7) for number in range(1000)])
        assert (len(found.tiles), found.left_out) == (400, 600)
        assert min(tile.file.statements for tile in found.tiles) == 5

    def test_nothing(self) -> None:
        assert treemap([]).tiles == []


def file(name: str, statements: int) -> FileFigures:
    return FileFigures(f"/srv/{name}", name, "content", 1, FileStatements((1 << statements) - 1), 0)


class TestCurve:
    def test_steps(self) -> None:
        found = curve([(0, 10), (5, 20)], requests=10, statements=40)
        left, right = found.left, found.right
        middle = (left + right) / 2
        height = found.bottom - found.top
        quarter, half = found.bottom - height / 4, found.bottom - height / 2
        assert [tuple(map(float, point.split(","))) for point in found.line.split()] == [
            (left, quarter), (middle, quarter), (middle, half), (right, half),
        ]  # fmt: skip
        assert found.total == found.top
        assert [tick.number for tick in found.rows] == [0, 10, 20, 30, 40]

    def test_nothing(self) -> None:
        found = curve([(0, 0)], requests=0, statements=0)
        assert found.line.endswith(f"{float(found.left)},{float(found.bottom)}")

    @given(st.integers(1, 10**7))
    def test_ticks_are_few_and_round(self, most: int) -> None:
        ticks = curves._ticks(most)
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] <= most
        assert set(str(ticks[1]).rstrip("0")) <= {"1", "2", "5"}


class TestTables:
    def test_sorting(self) -> None:
        check = sorting(["name", "lines"])
        assert check("-lines") == Sorting("lines", descending=True)
        with pytest.raises(ValueError, match="use name, lines"):
            check("colour")
        by = check("lines")
        assert by.then("lines", descending=True) == "-lines"
        assert by.then("name", descending=False) == "name"
        assert Sorting("lines", descending=True).then("lines", descending=True) == "lines"
        assert (by.aria("lines"), by.aria("name")) == ("ascending", "")
        assert sort(["aa", "b", "cc"], Sorting("x", descending=True), len) == ["aa", "cc", "b"]

    @pytest.mark.parametrize(
        ("count", "page", "first", "last", "pages"),
        [(0, 1, 0, 0, 1), (5, 1, 1, 5, 1), (10, 1, 1, 10, 1), (11, 2, 11, 11, 2), (11, 3, 0, 20, 2)],
    )
    def test_parts(self, count: int, page: int, first: int, last: int, pages: int) -> None:
        found: Part[int] = part(range(count), page, 10)
        assert (found.first, found.last, found.pages, found.total) == (first, last, pages, count)


class TestBackground:
    def test_works_only_when_something_has_changed(self) -> None:
        worked = []
        stamp = ["a"]

        def work(tell: Progress) -> str:
            worked.append(stamp[0])
            return stamp[0]

        background = Background(work, lambda: stamp[0])
        assert background.get(30) == ("a", True)
        assert background.get(30) == ("a", True)
        stamp[0] = "b"
        assert background.get(30) == ("b", True)
        assert worked == ["a", "b"]

    def test_who_cannot_wait_gets_the_last_one(self) -> None:
        gate, stamp = threading.Event(), ["a"]

        def work(tell: Progress) -> str:
            found = stamp[0]
            tell(f"working on {found}")
            assert gate.wait(30)
            return found

        background = Background(work, lambda: stamp[0])
        assert background.get(0) == (None, False)
        gate.set()
        assert background.get(30) == ("a", True)
        gate.clear()
        stamp[0] = "b"
        assert background.get(0) == ("a", False)
        gate.set()
        assert background.get(30) == ("b", True)

    def test_who_comes_late_does_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What has taken long already takes longer than anybody should wait."""
        gate, now = threading.Event(), 1000.0
        clock = SimpleNamespace(monotonic=lambda: now, thread_time=lambda: 0.0, sleep=lambda seconds: None)
        monkeypatch.setattr(background_module, "time", clock)
        background = Background(lambda tell: gate.wait(60), lambda: "same")
        try:
            assert background.get(0.01) == (None, False)
            now += 3600
            late = threading.Thread(target=lambda: background.get(3600), daemon=True)
            late.start()
            late.join(30)
            assert not late.is_alive()
        finally:
            gate.set()

    def test_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As many times as long as the work took of a processor, but for the first time and but for so long."""
        spent, rests, efforts = 0.0, [], iter([100, 2, 20, 1])

        def work(tell: Progress) -> float:
            nonlocal spent
            spent += next(efforts)
            return spent

        monkeypatch.setattr(background_module, "time", SimpleNamespace(
            monotonic=lambda: 1000.0, thread_time=lambda: spent, sleep=rests.append,
        ))  # fmt: skip
        background = Background(work, itertools.count().__next__)
        assert [background.get(30) for _ in range(4)] == [(100, True), (102, True), (122, True), (123, True)]
        assert rests == [0, 0, 6, 10]

    def test_who_comes_while_nothing_changes(self) -> None:
        """One attempt serves all who have asked until its end."""
        gate, worked = threading.Event(), []

        def work(tell: Progress) -> int:
            assert gate.wait(30)
            worked.append(1)
            return len(worked)

        background = Background(work, lambda: "same")
        assert [background.get(0) for _ in range(3)] == [(None, False)] * 3
        gate.set()
        assert background.get(30) == (1, True)

    def test_faults(self, capfd: pytest.CaptureFixture[str]) -> None:
        faults: list[Exception] = [DataError("broken"), ZeroDivisionError("a fault of ours")]

        def work(tell: Progress) -> str:
            if faults:
                raise faults.pop(0)
            return "well"

        background = Background(work, lambda: "always")
        with pytest.raises(DataError, match="broken"):
            background.get(30)
        with pytest.raises(LiveCoverageError, match="a fault of ours"):
            background.get(30)
        assert "ZeroDivisionError" in capfd.readouterr().err
        assert background.get(30) == ("well", True)

    def test_many_ask_at_once(self) -> None:
        worked = []

        def work(tell: Progress) -> int:
            worked.append(1)
            return len(worked)

        background = Background(work, lambda: "same")
        results: list[tuple[int | None, bool]] = []
        threads = [threading.Thread(target=lambda: results.append(background.get(30))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [current for _, current in results] == [True] * 20


class TestGarbage:
    """Python tells of its full collections: they are of generation 2."""

    @pytest.fixture
    def collections(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The names of the threads that a full collection has kept busy, one after the other."""
        found: list[str] = []

        def collects(phase: str, info: dict[str, Any]) -> None:
            if phase == "start" and info["generation"] == 2:
                found.append(threading.current_thread().name)

        thresholds = gc.get_threshold()
        gc.collect()
        # All comes sooner, so that less garbage makes the test.
        monkeypatch.setattr(gc_policy, "_WANTED_AFTER", 100)
        gc.set_threshold(10, 2, thresholds[2])
        gc.callbacks.append(collects)
        yield found
        gc.callbacks.remove(collects)
        gc.set_threshold(*thresholds)

    def work(self) -> None:
        # Python leaves old objects alone unless there are many more of them than before.
        held = []
        for _ in range(300_000):
            circle: list[Any] = []
            circle.append(circle)
            held.append(circle)

    def test_while_something_is_worked_out(self, collections: list[str]) -> None:
        """Python alone would look through everything, often: seen by leaving out `put_off`."""
        gc_policy.put_off()
        with gc_policy.working():
            background = Background(lambda tell: self.work(), lambda: "same")
            background.get(30)
            self.work()
            assert collections == []
        assert collections == [threading.current_thread().name]

    def test_not_for_a_little(self, collections: list[str]) -> None:
        gc_policy.put_off()
        with gc_policy.working():
            pass
        assert collections == []
