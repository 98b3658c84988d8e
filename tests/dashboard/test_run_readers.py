"""The readers of other runs: opened on demand, a few at a time, and closed.

Tests ``dashboard.run_readers`` and ``dashboard.run_list``.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest

from flask_livecoverage.dashboard.run_reader import Config, NotReady, RunReader
from flask_livecoverage.dashboard.run_readers import NoSuchRun, RunReaders
from flask_livecoverage.journal.facts import note_command
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.run_facts import Command
from flask_livecoverage.queries import run_list
from flask_livecoverage.queries.run_list import RunSummary
from flask_livecoverage.store import RunQueries

from ..support.journals import HEADER, Writer, run_folder, trace_of
from ..support.polling import wait_until
from .recording import NOW, held_store_of, snapshot_of

OTHERS = [f"run-{number}" for number in range(5)]


@pytest.fixture
def readers() -> Iterator[RunReaders]:
    live = record("live", 0, NOW + 1000)
    for number, name in enumerate(OTHERS, 1):
        record(name, number)
    with closing(RunReaders(Config(str(live.folder.path), None, "/__coverage__"))) as readers:
        yield readers


def record(name: str, requests: int, started_at: float = NOW) -> Writer:
    writer = Writer(run_folder(name), "1a", pid=2**22 + 1, started_at=started_at)
    for number in range(requests):
        writer.request(trace_of({"/srv/app.py": [number + 1]}), started_at + number, test=f"test {number}")
    return writer


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose readers were closed, in this order."""
    found = []
    close = RunReader.close

    def noted(self: RunReader) -> None:
        found.append(self.folder.id)
        close(self)

    monkeypatch.setattr(RunReader, "close", noted)
    return found


class TestChoice:
    def test_live_run_is_the_default(self, readers: RunReaders) -> None:
        for name in (None, "live"):
            with readers.use(name) as reader:
                assert reader is readers.live
                assert reader.is_live

    def test_other_runs(self, readers: RunReaders) -> None:
        for name in OTHERS:
            with readers.use(name) as reader:
                assert not reader.is_live
                assert snapshot_of(reader).requests == int(name[-1]) + 1

    @pytest.mark.parametrize(
        "name",
        ["", "run", "run-", "run-9", "../runs/run-1", "./run-1", "run-1/", ".", "..", "/etc", "run-1\0", "a" * 9999],
    )
    def test_only_names_of_runs(self, readers: RunReaders, name: str) -> None:
        with pytest.raises(NoSuchRun, match="it may have been removed"), readers.use(name):
            pass

    def test_folder_without_records(self, readers: RunReaders) -> None:
        run_folder("empty")
        with pytest.raises(NoSuchRun), readers.use("empty"):
            pass

    def test_removed_run(self, readers: RunReaders, closed: list[str]) -> None:
        with readers.use("run-1") as reader:
            snapshot_of(reader)
        shutil.rmtree(reader.folder.path)
        with pytest.raises(NoSuchRun), readers.use("run-1"):
            pass
        assert closed == ["run-1"]


class TestFewAreOpen:
    def test_least_recently_used_is_closed(self, readers: RunReaders, closed: list[str]) -> None:
        for name in ("run-0", "run-1", "run-0", "run-2", "run-3"):
            with readers.use(name):
                pass
        assert closed == ["run-1", "run-0"]

    def test_same_reader_for_each_page(self, readers: RunReaders) -> None:
        with readers.use("run-0") as first:
            pass
        with readers.use("run-0") as second:
            assert second is first

    def test_not_while_a_page_uses_it(self, readers: RunReaders, closed: list[str]) -> None:
        with readers.use("run-0") as first:
            for name in OTHERS[1:]:
                with readers.use(name):
                    pass
            assert "run-0" not in closed
            assert snapshot_of(first).requests == 1
        with readers.use("run-0") as again:
            assert again is first

    def test_all_are_closed_when_nothing_is_requested_any_more(self, readers: RunReaders, closed: list[str]) -> None:
        with readers.use("run-0") as reader:
            held = held_store_of(reader)
            held.release()
        readers.release_store()
        assert closed == ["run-0"]
        assert not held.hold()
        with readers.use("run-0") as reader:
            assert snapshot_of(reader).requests == 1

    def test_many_at_once(self, readers: RunReaders) -> None:
        """Threads render pages of all runs while readers are closed."""
        failures: list[tuple[str, int]] = []

        def render(number: int) -> None:
            for turn in range(20):
                name = OTHERS[(number + turn) % len(OTHERS)]
                with readers.use(name) as reader, suppress(NotReady):
                    held = reader.hold().content
                    with reader.recorded(held) as queries:
                        found = queries.requests.count()
                    held.release()
                    if found != int(name[-1]) + 1:
                        failures.append((name, found))
                if turn % 5 == 0:
                    readers.release_store()

        threads = [threading.Thread(target=render, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []


class TestSummaries:
    def summaries(self, readers: RunReaders) -> dict[str, RunSummary]:
        def current() -> list[RunSummary] | None:
            with suppress(NotReady):
                answer = readers.summaries()
                return list(answer.content) if answer.is_current else None
            return None

        return {run.id: run for run in wait_until(current, "all runs are summarised")}

    def test_newest_first(self, readers: RunReaders) -> None:
        found = self.summaries(readers)
        assert list(found) == ["live", *reversed(OTHERS)]
        assert [run.requests for run in found.values()] == [0, 5, 4, 3, 2, 1]

    def test_only_what_has_changed_is_read_again(self, readers: RunReaders, monkeypatch: pytest.MonkeyPatch) -> None:
        self.summaries(readers)
        counted = []
        count = run_list.recorded_files

        def noted(store: object, queries: RunQueries, analyser: object) -> object:
            counted.append(queries.requests.count())
            return count(store, queries, analyser)  # type: ignore[arg-type]

        monkeypatch.setattr(run_list, "recorded_files", noted)
        Writer(run_folder("run-3"), "2b").request(trace_of({"/srv/app.py": [1]}), NOW)
        assert self.summaries(readers)["run-3"].requests == 5
        assert counted == [5]

    def test_removed_and_new_runs(self, readers: RunReaders) -> None:
        self.summaries(readers)
        shutil.rmtree(readers.directory.run("run-3").path)
        record("newest", 1, NOW + 2000)
        assert list(self.summaries(readers)) == ["newest", "live", "run-4", "run-2", "run-1", "run-0"]

    def test_name_that_is_no_text(self, readers: RunReaders) -> None:
        """A folder that somebody has put there."""
        folder = os.path.join(os.fsencode(readers.directory.path), b"runs", b"\xff")
        shutil.copytree(os.fsencode(readers.directory.run("run-0").path), folder)
        assert list(self.summaries(readers)) == ["live", *reversed(OTHERS)]

    def test_facts_that_no_process_writes(self, readers: RunReaders, monkeypatch: pytest.MonkeyPatch) -> None:
        """A run that is recorded now, and the status of a command that has ended."""
        journal = Journal(readers.directory.run("run-0").path, {**HEADER, "pid": 2**22 + 1})
        journal.append("{}")
        assert self.summaries(readers)["run-0"].live
        journal.close()
        note_command(readers.directory.run("run-0"), Command(("pytest",), 1))
        monkeypatch.setattr("flask_livecoverage.dashboard.run_list.CHECK_SECONDS", 0.001)

        def ended() -> RunSummary | None:
            (run,) = [run for run in readers.summaries().content if run.id == "run-0"]
            return None if run.live else run

        assert wait_until(ended, "the run has ended").facts.command == Command(("pytest",), 1)
