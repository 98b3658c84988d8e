"""Tables that are sorted, and divided into pages."""

from __future__ import annotations

import pytest

from flask_livecoverage.dashboard.pages.pagination import Sorting, TablePage, paginate, sort, sorting


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
    def test_pages(self, count: int, page: int, first: int, last: int, pages: int) -> None:
        found: TablePage[int] = paginate(range(count), page, 10)
        assert (found.first, found.last, found.pages, found.total) == (first, last, pages, count)
