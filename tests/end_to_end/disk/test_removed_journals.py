"""A journal that is removed or truncated while it is written: it is restored completely, or the loss is reported.

Tests ``journal.append_file``, ``journal.losses`` and ``journal.shared_files``.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.journal import append_file
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run, reading_and_reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.shared_files import SharedFiles
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.records import Window
from flask_livecoverage.store import open_store

from ...support.journals import HEADER, trace_of
from ...support.polling import wait_until

TRACE = trace_of({"/app/a.py": [1, 2]})


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return DataDir(tmp_path / "data").run("run-1")


@pytest.fixture
def journal(folder: RunFolder) -> Iterator[Journal]:
    made = Journal(folder.path, HEADER)
    made.append_object("trace", id=TRACE.id, files={"/app/a.py": {"content": "0123456789abcdef", "lines": "6"}})
    yield made
    made.close()


class Requests:
    """Writes requests into a journal, numbered from 1 on."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.ids: list[str] = []

    def write(self, count: int) -> None:
        for _ in range(count):
            request_id = f"{self._journal.token}-{len(self.ids) + 1}"
            line = {
                "type": "request", "id": request_id, "trace": TRACE.id, "method": "GET", "route": "/",
                "endpoint": "index", "path": "/", "test": None, "status": 200, "started_at": 5.0, "duration_ms": 1.5,
            }  # fmt: skip
            assert self._journal.append(json.dumps(line, separators=(",", ":")))
            self.ids.append(request_id)


@pytest.fixture
def requests(journal: Journal) -> Requests:
    return Requests(journal)


def recorded(folder: RunFolder) -> list[str]:
    run = read_run(folder)
    assert [warning for warning in run.warnings if "lost" not in warning] == []
    return sorted((request.id for request in run.requests), key=lambda id_: int(id_.rpartition("-")[2]))


def remove_file(journal: Journal) -> None:
    journal.path.unlink()


def remove_data_dir(journal: Journal) -> None:
    shutil.rmtree(journal.path.parent.parent.parent)


def rename_data_dir(journal: Journal) -> None:
    data_dir = journal.path.parent.parent.parent
    data_dir.rename(data_dir.with_name("elsewhere"))


def replace_by_copy(journal: Journal) -> None:
    copy = journal.path.with_name("marks.copy")
    shutil.copy(journal.path, copy)
    copy.replace(journal.path)


def unmount(journal: Journal) -> None:
    """Another, empty folder is at the path."""
    data_dir = journal.path.parent.parent.parent
    data_dir.rename(data_dir.with_name("elsewhere"))
    data_dir.mkdir()


REMOVALS = [remove_file, remove_data_dir, rename_data_dir, replace_by_copy, unmount]


class TestRemoved:
    @pytest.mark.parametrize("remove", REMOVALS)
    def test_all_is_restored(self, journal: Journal, folder: RunFolder, requests: Requests, remove: Any) -> None:
        requests.write(3)
        remove(journal)
        requests.write(2)  # into nothing
        journal.maintain()
        assert recorded(folder) == requests.ids
        requests.write(1)
        assert recorded(folder) == requests.ids
        assert journal.losses.count == 0

    def test_is_logged_once_for_each_removal(
        self, journal: Journal, requests: Requests, caplog: pytest.LogCaptureFixture
    ) -> None:
        for _ in range(2):
            remove_data_dir(journal)
            requests.write(1)
            for _ in range(3):
                journal.maintain()
        assert [str(journal.path) in record.message and "removed" in record.message for record in caplog.records] == [
            True, True,
        ]  # fmt: skip

    def test_no_temporary_files_are_left(self, journal: Journal, folder: RunFolder) -> None:
        remove_data_dir(journal)
        journal.maintain()
        assert [path.name for path in folder.path.iterdir()] == [journal.path.name]
        assert (folder.path.parent.parent / ".gitignore").read_text() == "*\n"

    def test_descriptors_are_closed(
        self, journal: Journal, requests: Requests, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(append_file, "REPLACED_FILE_SECONDS", 0.0)
        requests.write(1)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            remove_data_dir(journal)
            journal.maintain()
            journal.maintain()
        assert len(os.listdir("/proc/self/fd")) == before

    def test_torn_line_before_the_removal_swallows_no_other(
        self, journal: Journal, folder: RunFolder, requests: Requests
    ) -> None:
        requests.write(2)
        descriptor = os.open(journal.path, os.O_WRONLY | os.O_APPEND)
        os.write(descriptor, b'{"type":"request","id":"x')
        remove_data_dir(journal)
        journal.maintain()
        requests.write(2)
        os.close(descriptor)
        run = read_run(folder)
        assert {request.id for request in run.requests} == {*requests.ids}

    def test_threads_that_append_meanwhile_lose_nothing(self, folder: RunFolder, journal: Journal) -> None:
        """Writers never wait for the file to be restored, because lines that they append to the old one are copied."""
        written: list[str] = []
        over = threading.Event()

        def write(thread: int) -> None:
            number = 0
            while not over.is_set():
                trace = f"{thread}-{number}"
                assert journal.append_object("ambient", trace=trace)
                written.append(trace)
                number += 1
                # As a server's threads do with each request, because the write itself does not release the GIL.
                time.sleep(0)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(50):
                shutil.rmtree(folder.path)
                journal.maintain()
        finally:
            over.set()
            for thread in threads:
                thread.join()
        journal.maintain()
        found = [json.loads(line).get("trace") for line in journal.path.read_text().splitlines()]
        assert sorted(filter(None, found)) == sorted(written)

    def test_readers_never_see_half_of_it(
        self, journal: Journal, requests: Requests, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        requests.write(10_000)
        whole = journal.path.stat().st_size
        writes: list[int] = []

        def write(descriptor: int, data: bytes) -> int:
            assert not journal.path.exists()
            writes.append(os.write(descriptor, data))
            return writes[-1]

        monkeypatch.setattr(append_file, "os", type("os", (), {**vars(os), "write": staticmethod(write)}))
        journal.path.unlink()
        journal.maintain()
        assert sum(writes) == journal.path.stat().st_size == whole
        assert len(writes) > 1

    def test_marks_count_on(self, journal: Journal, folder: RunFolder, requests: Requests) -> None:
        """Requests of an earlier dump are in no later one, and those written since are in the next."""
        shared = SharedFiles(folder, folder.clock())
        requests.write(3)
        with reading_and_reset(folder) as run:
            assert len(run.requests) == 3
        shared.restore()
        requests.write(1)
        remove_data_dir(journal)
        requests.write(1)
        shared.restore()
        journal.maintain()
        assert [request.id for request in read_run(folder, since_mark=True).requests] == requests.ids[3:]

    def test_marks_of_others_are_kept(self, journal: Journal, folder: RunFolder, requests: Requests) -> None:
        all_shared = [SharedFiles(folder, folder.clock()) for _ in range(2)]
        requests.write(1)
        with reading_and_reset(folder):
            pass
        for shared in all_shared:
            shared.restore()
        before = (folder.path / "marks.jsonl").read_bytes()
        (folder.path / "marks.jsonl").unlink()
        requests.write(1)
        with reading_and_reset(folder) as run:  # another process, which has not seen the mark
            assert len(run.requests) == 2
        for shared in all_shared:
            shared.restore()
        after = (folder.path / "marks.jsonl").read_bytes()
        assert after.startswith(before)
        assert after.count(b"offsets") == 2
        assert read_run(folder, since_mark=True).requests == []

    @pytest.mark.parametrize("remove", [remove_data_dir, rename_data_dir, unmount])
    def test_open_window_stays_open(self, journal: Journal, folder: RunFolder, remove: Any) -> None:
        journal.append("{}")
        shared = SharedFiles(folder, folder.clock())
        folder.set_open_window(Window("w", 1.0))
        shared.restore()
        clock = folder.clock().offset
        remove(journal)
        shared.restore()
        journal.maintain()
        assert folder.open_window() == Window("w", 1.0)
        assert folder.clock().offset == clock

    def test_window_that_another_process_closed_stays_closed(self, journal: Journal, folder: RunFolder) -> None:
        shared = SharedFiles(folder, folder.clock())
        folder.set_open_window(Window("w", 1.0))
        shared.restore()
        folder.set_open_window(None)
        shared.restore()
        assert not folder.has_open_window()

    def test_lock_that_was_removed_keeps_others_out(self, folder: RunFolder) -> None:
        """A process that waits for a lock whose file is removed must not use that lock."""
        inside, leave = threading.Event(), threading.Event()

        def wait() -> None:
            with folder.locked():
                inside.set()

        def hold() -> None:
            with folder.locked():
                held.set()
                leave.wait()

        held = threading.Event()
        waiter, holder = threading.Thread(target=wait), threading.Thread(target=hold)
        lock = folder.path / "marks.lock"
        try:
            with folder.locked():
                waiter.start()
                wait_until(lambda: opened(f"{lock}") == 2, "the waiter has opened the lock")
                lock.unlink()
                holder.start()
                assert held.wait(30)
            wait_until(lambda: inside.is_set() or opened(f"{lock}") == 2, "the waiter has opened the new lock")
            assert not inside.is_set()
        finally:
            leave.set()
            waiter.join()
            holder.join()
        assert inside.is_set()


def opened(target: str) -> int:
    """Return how many descriptors this process has for the file at that path, without those of removed files."""
    found = 0
    for descriptor in os.listdir("/proc/self/fd"):
        with suppress(FileNotFoundError):
            found += os.readlink(f"/proc/self/fd/{descriptor}") == target
    return found


class TestCannotBeRestored:
    def test_is_tried_again(
        self, journal: Journal, folder: RunFolder, requests: Requests, caplog: pytest.LogCaptureFixture
    ) -> None:
        requests.write(2)
        remove_data_dir(journal)
        data_dir = folder.path.parent.parent
        data_dir.write_text("in the way")
        requests.write(2)
        for _ in range(3):
            journal.maintain()
        assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
        data_dir.unlink()
        requests.write(1)
        journal.maintain()
        assert recorded(folder) == requests.ids

    def test_is_a_loss_at_the_end(self, journal: Journal, folder: RunFolder, requests: Requests) -> None:
        requests.write(5)
        remove_data_dir(journal)
        folder.path.parent.parent.write_text("in the way")
        journal.close()
        assert journal.losses.unreported == 5
        assert "5 records" in str(journal.losses.describe_unreported())


class TestTruncated:
    @pytest.mark.parametrize("left", [0, 1, 100, 1000])
    def test_loss_is_reported_and_recording_continues(
        self, journal: Journal, folder: RunFolder, requests: Requests, left: int, caplog: pytest.LogCaptureFixture
    ) -> None:
        requests.write(20)
        journal.maintain()
        written = journal.generation
        os.truncate(journal.path, left)
        later = len(requests.ids)
        requests.write(30)
        journal.maintain()
        assert journal.generation is not written  # traces are written again
        requests.write(1)
        run = read_run(folder)
        found = {request.id for request in run.requests}
        assert {*requests.ids[later:]} <= found or left  # the next line is lost with the half of a truncated one
        assert requests.ids[-1] in found
        assert 1 <= run.lost <= 20
        assert journal.losses.count == run.lost
        assert "truncated" in caplog.text
        assert any("lost (truncated by another program)" in warning for warning in run.warnings)

    def test_marks_and_the_store_continue(self, journal: Journal, folder: RunFolder, requests: Requests) -> None:
        requests.write(20)
        with open_store(f"sqlite:///{folder.path.parent / 'store'}") as store:
            store.sync(folder)
            with reading_and_reset(folder):
                pass
            journal.maintain()
            os.truncate(journal.path, 0)
            journal.maintain()
            requests.write(2)
            assert [request.id for request in read_run(folder, since_mark=True).requests] == requests.ids[20:]
            number = store.sync(folder)
            with store.recorded([number]) as found:
                assert {request.id for request in found.requests.newest()} == {*requests.ids}
            assert any("lost" in warning for warning in store.warnings)
