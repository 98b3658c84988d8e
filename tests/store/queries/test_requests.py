"""Requests in sorted pages, and the lines of all of them, compared with counting them one by one.

Tests ``store.queries.requests``, ``store.queries.lines`` and ``store.traces``.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.model.records import RequestRecord

from ...support.journals import Writer, run_folder
from ..runs import FILES, NOW, TRACES, synced


class TestPages:
    """Requests in sorted pages, compared with sorting all of them."""

    KEYS: ClassVar[dict[str, Callable[[RequestRecord], Any]]] = {
        "time": lambda record: record.started_at,
        "method": lambda record: record.method,
        "path": lambda record: record.path,
        "status": lambda record: record.status,
        "ms": lambda record: record.duration_ms,
        "test": lambda record: record.test or "",
        "route": lambda record: (record.route or "", record.method),
    }

    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        rng = random.Random(1)
        writers = [Writer(folder, token) for token in ("0000000a", "0000000b")]
        for number in range(60):
            rng.choice(writers).request(
                rng.choice(TRACES), NOW + number, path=f"/{rng.randrange(5)}", status=rng.choice([200, 404]),
                duration_ms=float(rng.randrange(4)), method=rng.choice(["GET", "POST"]),
                test=rng.choice([None, "one", "two"]), route=rng.choice([None, "/a", "/b"]),
            )  # fmt: skip
        return folder

    FILTERS = (Filters(), Filters(test="one"), Filters(route="/a"), Filters(test="two", status=(400, 499)))

    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    @pytest.mark.parametrize("descending", [True, False])
    @pytest.mark.parametrize("sort", KEYS)
    def test_sorted(self, folder: RunFolder, sort: Any, descending: bool, filters: Filters) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest(filters)
            expected = sorted(everything, key=self.KEYS[sort], reverse=descending)
            pages = [
                found.requests.page(filters, sort, 7, offset, descending=descending)
                for offset in range(0, len(expected), 7)
            ]
            assert [record for page in pages for record in page] == expected
            assert found.requests.page(filters, sort, 7, len(expected)) == []

    @pytest.mark.parametrize("filters", FILTERS, ids=str)
    @pytest.mark.parametrize("descending", [True, False])
    def test_by_trace(self, folder: RunFolder, descending: bool, filters: Filters) -> None:
        rank = {trace.id: number for number, trace in enumerate(TRACES) if number}
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest(filters)
            pages = [
                found.requests.page_by_trace(filters, rank, 7, offset, descending=descending)
                for offset in range(0, len(everything), 7)
            ]
            records = [record for page in pages for record in page]
            assert sorted(records, key=lambda record: record.id) == sorted(everything, key=lambda record: record.id)
            ranks = [rank.get(record.trace, 0) for record in records]
            assert ranks == sorted(ranks, reverse=descending)

    def test_first_of_traces(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            everything = found.requests.newest()
            oldest = {record.trace: record for record in everything}
            moments = {trace: record.started_at for trace, record in oldest.items()}
            records = found.requests.first_of_traces(moments, Filters())
            assert {record.id for record in records} == {record.id for record in oldest.values()}
            first = found.lines.first_executions()
            assert dict(first.values()) == moments

    def test_counts_until(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            moments = [NOW - 1, NOW, NOW + 10.5, NOW + 59, NOW + 100]
            assert found.requests.counts_until(moments) == [0, 1, 11, 60, 60]

    def test_heat(self, folder: RunFolder) -> None:
        with synced(folder) as (store, run), store.recorded([run]) as found:
            numbers = {path: number for number, (path, _) in found.lines.contents().items()}
            records = found.requests.newest()
            by_id = {trace.id: trace for trace in TRACES}
            for path in FILES[:2]:
                counts: Counter[int] = Counter()
                for lines, requests in found.lines.heat(numbers[path]):
                    counts.update(dict.fromkeys(from_bitmap(lines), requests))
                expected = Counter(
                    line
                    for record in records
                    if path in by_id[record.trace].files
                    for line in from_bitmap(by_id[record.trace].files[path].lines)
                )
                assert counts == expected
                tests = {
                    (line, test)
                    for lines, test in found.lines.heat_by_test(numbers[path])
                    for line in from_bitmap(lines)
                }
                named = {
                    (line, record.test)
                    for record in records
                    if record.test and path in by_id[record.trace].files
                    for line in from_bitmap(by_id[record.trace].files[path].lines)
                }
                assert Counter(line for line, _ in tests) == Counter(line for line, _ in named)
                names = {r.test for r in records if r.test and path in by_id[r.trace].files}
                assert found.lines.names_in(numbers[path])[0] == sorted(names)


def test_ids_that_no_request_can_have() -> None:
    """A number of more than 32 bits would reach into that of the journal: into another journal's requests."""
    folder = run_folder()
    ids = [Writer(folder, token).request(TRACES[1], NOW) for token in ("0000000a", "0000000b")]
    others = [f"0000000{letter}-{number}" for letter in "ab" for number in ((1 << 32) + 1, "9" * 5000, "\u0661", "")]
    with synced(folder) as (store, run), store.recorded([run]) as found:
        records = [found.requests.get(request_id) for request_id in ids]
        assert [record.id for record in records if record] == ids
        assert [found.requests.get(request_id) for request_id in others] == [None] * 8
