"""The journal writes each line once, works with failing disks, and counts its losses."""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal import append_file as appended_module
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.writer import Journal

from ..support.journals import HEADER


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return DataDir(tmp_path / "data").run("run-1")


@pytest.fixture
def journal(folder: RunFolder) -> Any:
    made = Journal(folder.path, HEADER)
    yield made
    made.close()


def lines(journal: Journal) -> list[str]:
    return journal.path.read_text().splitlines()


class FaultyDisk:
    """Replaces ``os.write``: each call runs the next of ``faults``; after the last, calls succeed."""

    def __init__(self, faults: list[Callable[[int, bytes], int]]) -> None:
        self.faults = faults

    def __call__(self, descriptor: int, data: bytes) -> int:
        return self.faults.pop(0)(descriptor, data) if self.faults else os.write(descriptor, data)


def full(descriptor: int, data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half(descriptor: int, data: bytes) -> int:
    return os.write(descriptor, data[: len(data) // 2])


def whole(descriptor: int, data: bytes) -> int:
    return os.write(descriptor, data)


@pytest.fixture
def break_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def break_disk(*faults: Callable[[int, bytes], int]) -> None:
        write = FaultyDisk(list(faults))
        monkeypatch.setattr(appended_module, "os", type("os", (), {**vars(os), "write": staticmethod(write)}))
        monkeypatch.setattr(appended_module, "write_line", write)

    return break_disk


@pytest.fixture
def limit_files() -> Iterator[Callable[[int], None]]:
    """Return a function that limits the size of all files of this process."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


class TestWriting:
    def test_nothing_is_created_before_the_first_line(self, journal: Journal, folder: RunFolder) -> None:
        assert not folder.path.exists()

    def test_header_comes_first_and_type_first_in_each_line(self, journal: Journal) -> None:
        assert journal.append_object("ambient", trace="é") is True
        header, line = lines(journal)
        assert json.loads(header) == {"type": "process", "version": 1, **HEADER}
        assert line == '{"type":"ambient","trace":"\\u00e9"}'
        assert header.startswith('{"type":')

    def test_closed_journal_opens_again_without_a_second_header(self, journal: Journal) -> None:
        journal.append("{}")
        journal.close()
        journal.close()
        journal.append("{}")
        assert len(lines(journal)) == 3

    def test_data_dir_ignores_itself(self, journal: Journal, tmp_path: Path) -> None:
        journal.append("{}")
        assert (tmp_path / "data" / ".gitignore").read_text() == "*\n"

    def test_own_gitignore_is_left_alone(self, journal: Journal, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / ".gitignore").write_text("mine\n")
        journal.append("{}")
        assert (tmp_path / "data" / ".gitignore").read_text() == "mine\n"

    def test_threads_do_not_mix_lines(self, journal: Journal) -> None:
        def write(thread: int) -> None:
            for number in range(200):
                journal.append_object("ambient", trace=f"{thread}-{number}" * 20)

        threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        written = [json.loads(line) for line in lines(journal)]
        assert len(written) == 1 + 6 * 200
        assert len({line.get("trace") for line in written}) == len(written)


class TestClosing:
    """A thread that appends meanwhile writes into the journal, and never into another file with its descriptor."""

    @pytest.mark.parametrize("kind", ["line", "object"])
    def test_at_each_step_of_an_append(self, journal: Journal, tmp_path: Path, kind: str) -> None:
        """Another thread closes the journal before each line that an append executes, and opens other files."""
        append = partial(journal.append, '{"a":1}') if kind == "line" else partial(journal.append_object, "a")
        steps, written = 0, 0
        while True:
            assert append()  # it is open
            interrupted = Interruption(steps, lambda: close_and_open_others(journal, tmp_path))
            assert interrupted.run(append)
            written += 2
            assert len(lines(journal)) == 1 + written
            if not interrupted.was_reached:
                break
            assert [path.read_bytes() for path in tmp_path.glob("other-*")] == [b""] * 8
            steps += 1
        assert steps > 3
        assert journal.losses.count == 0
        assert journal.error is None

    def test_descriptors_are_closed(self, journal: Journal) -> None:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            journal.append("{}")
            journal.close()
        assert len(os.listdir("/proc/self/fd")) == before

    def test_beside_threads_that_append(self, journal: Journal) -> None:
        count, over = 300, threading.Event()
        results: list[bool] = []

        def write() -> None:
            results.extend([journal.append("{}") for _ in range(count)])

        def close() -> None:
            while not over.is_set():
                journal.close()

        threads = [threading.Thread(target=write) for _ in range(3)]
        closer = threading.Thread(target=close)
        for thread in (*threads, closer):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        closer.join()
        assert results == [True] * 3 * count
        assert len(lines(journal)) == 1 + 3 * count


def close_and_open_others(journal: Journal, folder: Path) -> None:
    """Close the journal in another thread, and open files that reuse the numbers of closed descriptors."""
    descriptors: list[int] = []

    def work() -> None:
        journal.close()
        for number in range(8):
            descriptors.append(os.open(folder / f"other-{number}", os.O_WRONLY | os.O_CREAT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    # Kept open until the append has ended.
    threading.current_thread().others = descriptors  # type: ignore[attr-defined]


class Interruption:
    """Calls ``action`` before one line of a call: the line of this package after ``steps`` others."""

    def __init__(self, steps: int, action: Callable[[], None]) -> None:
        self.was_reached = False
        self._steps = steps
        self._action = action

    def run(self, call: Callable[[], bool]) -> bool:
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            return call()
        finally:
            sys.settrace(before)
            for descriptor in vars(threading.current_thread()).pop("others", ()):
                os.close(descriptor)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> Any:
        if "flask_livecoverage" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self._steps -= 1
            if self._steps == -1:
                self.was_reached = True
                sys.settrace(None)
                self._action()
        return self._trace


class TestFullDisk:
    def test_each_lost_line_is_counted_and_the_first_logged(
        self, journal: Journal, break_disk: Callable[..., None], caplog: pytest.LogCaptureFixture
    ) -> None:
        assert journal.append("{}")
        break_disk(full, full, half)
        assert [journal.append("{}") for _ in range(4)] == [False, False, False, True]
        assert journal.losses.count == 3
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert str(journal.path) in record.message
        assert os.strerror(errno.ENOSPC) in record.message

    def test_folder_that_cannot_be_created(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        (tmp_path / "data").write_text("a file")
        journal = Journal(DataDir(tmp_path / "data").run("r").path, HEADER)
        assert not journal.append("{}")
        assert not journal.append("{}")
        assert journal.losses.count == 2
        assert len(caplog.records) == 1

    @pytest.mark.parametrize("fault", [full, half])
    def test_header_is_written_completely_once_there_is_space(
        self, journal: Journal, break_disk: Callable[..., None], fault: Any
    ) -> None:
        break_disk(fault)
        assert not journal.append('{"lost":1}')
        assert journal.path.read_bytes() == b""
        assert journal.append('{"kept":1}')
        header, line = lines(journal)
        assert json.loads(header)["type"] == "process"
        assert line == '{"kept":1}'

    def test_no_descriptor_leaks(self, journal: Journal, break_disk: Callable[..., None]) -> None:
        before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        break_disk(full, full, full)
        for _ in range(3):
            journal.append("{}")
        after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
        assert after == before

    def test_real_limit(self, journal: Journal, limit_files: Callable[[int], None]) -> None:
        assert journal.append("{}")
        limit_files(journal.path.stat().st_size + 10)
        assert journal.append("{}")
        assert not journal.append('{"long":"0123456789"}')
        assert journal.losses.count == 1
        assert journal.losses.reason == os.strerror(errno.ENOSPC)
        assert not journal.append("{}" * 10)
        assert journal.losses.reason == os.strerror(errno.EFBIG)


class TestMarks:
    def test_none_at_first(self, folder: RunFolder) -> None:
        assert folder.last_mark() == {}

    def test_last_counts(self, folder: RunFolder) -> None:
        with folder.locked():
            folder.mark({"journal-a.jsonl": 10})
            folder.mark({"journal-a.jsonl": 20, "journal-b.jsonl": 5})
        assert folder.last_mark() == {"journal-a.jsonl": 20, "journal-b.jsonl": 5}

    @pytest.mark.parametrize(
        "tail", [b'{"at": 1, "offs', b"garbage\n", b'{"at": 1}\n', b'{"offsets": [1]}\n', b'{"offsets": {"j": "x"}}\n']
    )
    def test_line_that_cannot_be_read_is_named_and_the_one_before_counts(
        self, folder: RunFolder, tail: bytes, caplog: pytest.LogCaptureFixture
    ) -> None:
        with folder.locked():
            folder.mark({"journal-a.jsonl": 10})
        marks = folder.path / "marks.jsonl"
        marks.write_bytes(marks.read_bytes() + tail)
        assert folder.last_mark() == {"journal-a.jsonl": 10}
        assert str(marks) in caplog.text

    @pytest.mark.parametrize("room", [0, 1, -20])
    def test_mark_that_cannot_be_written_has_not_moved(
        self, folder: RunFolder, limit_files: Callable[[int], None], room: int
    ) -> None:
        with folder.locked():
            folder.mark({"journal-a.jsonl": 10})
            size = (folder.path / "marks.jsonl").stat().st_size
            limit_files(room + (size if room >= 0 else 2 * size))
            with pytest.raises(StorageError, match="nothing was reset: make room there"):
                folder.mark({"journal-a.jsonl": 30})
            assert folder.marks() == [{"journal-a.jsonl": 10}]
            limit_files(1 << 20)
            folder.mark({"journal-a.jsonl": 40})
        assert folder.marks() == [{"journal-a.jsonl": 10}, {"journal-a.jsonl": 40}]

    def test_mark_after_a_torn_one_counts(self, folder: RunFolder) -> None:
        with folder.locked():
            (folder.path / "marks.jsonl").write_text('{"at": 1, "off')
            folder.mark({"journal-a.jsonl": 30})
        assert folder.last_mark() == {"journal-a.jsonl": 30}

    def test_lock_keeps_other_threads_out(self, folder: RunFolder) -> None:
        entered = threading.Event()
        order = []

        def other() -> None:
            entered.set()
            with folder.locked():
                order.append("other")

        thread = threading.Thread(target=other)
        with folder.locked():
            thread.start()
            entered.wait()
            order.append("first")
        thread.join()
        assert order == ["first", "other"]
