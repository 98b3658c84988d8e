"""A page's store, held as it was at one moment, and the counts that the next process finds in it.

Tests ``dashboard.held_store``, ``dashboard.run_reader`` and ``store.queries.statements``.
"""

from __future__ import annotations

import threading
from contextlib import closing

import pytest

from flask_livecoverage.dashboard.run_reader import NotReady, RunReader
from flask_livecoverage.journal.reader import reset
from flask_livecoverage.sources.coveragepy import StatementAnalyser
from flask_livecoverage.store import open_store, store_url

from ..support.journals import remove_store
from .recording import NOW, Recording, held_store_of, shown, snapshot_of


class TestHeldStore:
    """The numbers, the chart and the tables of a page are of one moment."""

    def test_later_records_are_left_to_the_next_page(self, recording: Recording) -> None:
        """Another process updates the store while a page is rendered: a command, or the server for a suite."""
        writer = recording.writer("0000000a")
        recording.request(writer, recording.trace({0: [6]}), NOW, test="first")
        with recording.recorded() as (snapshot, queries):
            recording.request(writer, recording.trace({0: [7, 8]}), NOW + 1, test="second")
            reset(recording.run)
            with open_store(store_url(recording.run.path.parent.parent, None)) as store:
                store.sync(recording.run)
            assert queries.requests.count() == snapshot.requests == 1
            assert [one.name for one in queries.groups.executed("test")] == ["first"]
            assert all(record.trace in snapshot.lines for record in queries.requests.newest())
        assert recording.snapshot().requests == 0

    def test_is_open_until_all_holders_release_it(self, recording: Recording) -> None:
        recording.request(recording.writer("0000000a"), recording.trace({0: [6]}), NOW)
        held = held_store_of(recording.reader)
        recording.request(recording.writer("0000000b"), recording.trace({0: [7]}), NOW)
        assert recording.snapshot().requests == 2
        with held.recorded() as queries:
            assert queries.requests.count() == 1
        assert held.hold()
        held.release()
        held.release()
        assert not held.hold()

    def test_release_store(self, recording: Recording) -> None:
        """Nothing is held afterwards, and the next page holds the store again."""
        recording.request(recording.writer("0000000a"), recording.trace({0: [6]}), NOW)
        held = held_store_of(recording.reader)
        held.release()
        recording.reader.release_store()
        assert not held.hold()
        assert recording.snapshot().requests == 1
        recording.reader.release_store()
        recording.reader.release_store()

    def test_many_at_once(self, recording: Recording) -> None:
        """Several threads render pages while requests arrive and the store is released."""
        writer = recording.writer("0000000a")
        traces = [recording.trace({0: [line], 1: [line]}) for line in range(2, 30)]
        is_done, failures = threading.Event(), []

        def render() -> None:
            while not is_done.is_set():
                try:
                    held = recording.reader.hold().content
                except NotReady:
                    continue
                try:
                    with recording.reader.recorded(held) as queries:
                        if queries.requests.count() != held.snapshot.requests or any(
                            record.trace not in held.snapshot.lines for record in queries.requests.newest()
                        ):
                            failures.append(held.snapshot.requests)
                finally:
                    held.release()

        threads = [threading.Thread(target=render) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number, trace in enumerate(traces):
            recording.request(writer, trace, NOW + number)
            if number % 7 == 0:
                recording.reader.release_store()
            recording.snapshot()
        is_done.set()
        for thread in threads:
            thread.join()
        assert failures == []


class TestCountingOnce:
    def test_the_next_process_reads_what_was_counted(
        self, recording: Recording, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        before = recording.snapshot()

        def analyse(self: StatementAnalyser, path: str) -> None:
            raise AssertionError(f"{path} is counted again")

        monkeypatch.setattr(StatementAnalyser, "analyse", analyse)
        with closing(RunReader(recording.config)) as reader:
            snapshot = snapshot_of(reader)
        assert shown(snapshot) == shown(before)
        assert snapshot.statements == before.statements

    def test_removed_store_is_rebuilt(self, recording: Recording) -> None:
        recording.request(recording.writer("a"), recording.trace({0: [6]}), NOW)
        # Read only once, because the store's file did not exist before.
        with recording.recorded() as (_, queries):
            assert queries.requests.count() == 1
        remove_store()
        with recording.recorded() as (_, queries):
            assert queries.requests.count() == 1

    def test_store_keeps_all(self, recording: Recording) -> None:
        analyser = StatementAnalyser()
        analysis = analyser.analyse(str(recording.paths[0]))
        with open_store("sqlite:///store.sqlite3") as store:
            store.save_statements("rules", {"good": analysis, "bad": "no Python"})
            # Saved again, as by another process.
            store.save_statements("rules", {"good": analysis})
            assert store.load_statements("rules", ["good", "bad", "unknown"]) == {"good": analysis, "bad": "no Python"}
            assert store.load_statements("others", ["good"]) == {}
