"""The chart of statements over requests: its steps and its ticks."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.dashboard.pages.chart import growth_chart


class TestChart:
    def test_steps(self) -> None:
        found = growth_chart([(0, 10), (5, 20)], requests=10, statements=40)
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
        found = growth_chart([(0, 0)], requests=0, statements=0)
        assert found.line.endswith(f"{float(found.left)},{float(found.bottom)}")

    @given(st.integers(1, 10**7))
    def test_ticks_are_few_and_round(self, most: int) -> None:
        ticks = [tick.number for tick in growth_chart([(0, 0)], requests=1, statements=most).rows]
        assert 2 <= len(ticks) <= 6
        assert ticks[-1] <= most
        assert set(str(ticks[1]).rstrip("0")) <= {"1", "2", "5"}
