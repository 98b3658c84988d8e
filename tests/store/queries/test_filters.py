"""Queries with filters, compared with filtering the reader's requests.

Tests ``store.queries.base``, ``store.queries.groups`` and ``store.queries.run_queries``.
"""

from __future__ import annotations

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.model.records import RequestRecord, Run

from ...support.journals import Writer, run_folder
from ..runs import NOW, TRACES, executed_in, newest_first, recorded


class TestFilters:
    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        writer = Writer(folder, "aaaaaaaa")
        for number in range(40):
            writer.request(
                TRACES[number % 4 + 1], NOW + number, test=(None, "a", "b")[number % 3],
                method=("GET", "POST")[number % 2], route=("/", "/x/<int:id>")[number % 5 == 0],
                status=(200, 302, 404, 503)[number % 4],
            )  # fmt: skip
        return folder

    @pytest.mark.parametrize("since", [None, NOW + 11])
    @pytest.mark.parametrize("status", [None, (404, 404), (400, 599)])
    @pytest.mark.parametrize("route", [None, "/", "GET /x/<int:id>", "/nowhere"])
    @pytest.mark.parametrize("test", [None, "a", "nobody"])
    def test_all_together(
        self,
        folder: RunFolder,
        test: str | None,
        route: str | None,
        status: tuple[int, int] | None,
        since: float | None,
    ) -> None:
        def passes(record: RequestRecord) -> bool:
            return (
                (test is None or record.test == test)
                and (route is None or route in (record.route, f"{record.method} {record.route}"))
                and (status is None or status[0] <= record.status <= status[1])
                and (since is None or record.started_at >= since)
            )

        filters = Filters(test, route, status, since)
        run = read_run(folder)
        wanted = [record for record in newest_first(run) if passes(record)]
        with recorded(folder) as found:
            assert found.requests.newest(filters) == wanted
            assert found.requests.newest(filters, limit=2) == wanted[:2]
            assert found.requests.count(filters) == len(wanted)
            assert found.requests.count_without_test(filters) == sum(record.test is None for record in wanted)
            for by in ("test", "route", "request"):
                names = {one.name: one.requests for one in found.groups.executed(by, filters)}  # type: ignore[arg-type]
                of_wanted = Run("", [], wanted, {})
                assert names == {name: count for name, (count, _, _) in executed_in(of_wanted, by).items()}
