"""A data directory that other users can write: planted files never lead to writes elsewhere, or to a wait."""

from __future__ import annotations

import fcntl
import json
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flask_livecoverage.control.dashboard_host.events import stamp
from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal.clock import clock_path
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run, reading_and_reset, reset
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.shared_files import SharedFiles
from flask_livecoverage.journal.tail import Tail
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.records import Window

from ...support.journals import HEADER, Writer, trace_of
from .servers import server

CONTENT = "a file of the user who runs the server\n"


@pytest.fixture
def precious(tmp_path: Path) -> Iterator[Path]:
    """A file that must not change."""
    path = tmp_path / "precious"
    path.write_text(CONTENT)
    os.utime(path, (1000, 1000))
    yield path
    assert path.read_text() == CONTENT
    assert path.stat().st_mtime == 1000


def link(path: Path, precious: Path) -> None:
    path.symlink_to(precious)


def dangling_link(path: Path, precious: Path) -> None:
    path.symlink_to(precious.with_name("not-there"))


def hard_link(path: Path, precious: Path) -> None:
    path.hardlink_to(precious)


def pipe(path: Path, precious: Path) -> None:
    os.mkfifo(path)


def device(path: Path, precious: Path) -> None:
    path.symlink_to("/dev/full")


Plant = Callable[[Path, Path], None]
PLANTED: list[Plant] = [link, dangling_link, hard_link, pipe, device]
NAMES = ["journal", "marks.jsonl", "marks.window", "marks.lock", "clock", "marks.jsonl.tmp", ".gitignore",
         "store.sqlite3", "store.sqlite3-wal", "store.lock"]  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return DataDir(tmp_path / "data").run("run")


def path_of(name: str, run: RunFolder, journal: Path) -> Path:
    if name == "journal":
        return journal
    if name == "clock":
        found = clock_path(run.path)
        assert found is not None
        return found
    return (run.path if name.startswith("marks") else run.path.parent.parent) / name


@pytest.mark.parametrize("plant", PLANTED)
@pytest.mark.parametrize("when", ["before", "while it is served"])
def test_server_answers_and_writes_nowhere_else(tmp_path: Path, precious: Path, plant: Plant, when: str) -> None:
    """With all names at once; the names of journals cannot be guessed before the journals exist."""
    run = DataDir(tmp_path / "data").run("run")
    run.path.mkdir(parents=True)
    names = [name for name in NAMES if name != "journal"]
    if when == "before":
        for name in names:
            plant(path_of(name, run, run.path), precious)
    with server(tmp_path, tmp_path / "data", LIVECOVERAGE_RUN="run") as live:
        live.ask(3)
        if when != "before":
            (journal,) = run.journals()
            for name in NAMES:
                path = path_of(name, run, journal)
                path.unlink(missing_ok=True)
                plant(path, precious)
        for route in ("status", "start?name=one", "dump", "stop", "dump?reset=1", "requests", "tests", "status"):
            code, answer = live.control(route, "POST" if "reset" in route else "GET")
            assert code in (200, 409, 500, 507), (route, answer)
            assert ("error" in answer) == (code != 200)
        live.ask(3)
        assert live.status()["lost"] == 0
        (path,) = run.journals()
        # Restored at its path, with all that was written.
        assert stat.S_ISREG(path.lstat().st_mode)
        found = read_run(run)
        assert len(found.requests) == 6
    assert not (tmp_path / "not-there").exists()


@pytest.mark.parametrize("plant", PLANTED)
def test_mark_replaces_the_planted_file(folder: RunFolder, precious: Path, plant: Plant) -> None:
    Journal(folder.path, HEADER).append("{}")
    plant(folder.path / "marks.jsonl", precious)
    reset(folder)
    reset(folder)
    assert folder.marks()[-2:] == [folder.last_mark()] * 2
    assert stat.S_ISREG((folder.path / "marks.jsonl").lstat().st_mode)


@pytest.mark.parametrize("plant", PLANTED)
def test_marks_are_restored(folder: RunFolder, precious: Path, plant: Plant) -> None:
    writer = Writer(_made(folder), "aaaaaaaa")
    writer.request(trace_of({"/srv/1.py": [1]}), 5.0)
    shared = SharedFiles(folder, folder.clock())
    with reading_and_reset(folder) as run:
        assert len(run.requests) == 1
    shared.restore()
    (folder.path / "marks.jsonl").unlink()
    plant(folder.path / "marks.jsonl", precious)
    shared.restore()
    assert read_run(folder, since_mark=True).requests == []


@pytest.mark.parametrize("plant", PLANTED)
def test_planted_journals_are_read_without_waiting(folder: RunFolder, precious: Path, plant: Plant) -> None:
    Writer(_made(folder), "aaaaaaaa").request(trace_of({"/srv/1.py": [1]}), 5.0)
    plant(folder.path / "journal-bbbbbbbb.jsonl", precious)
    run = read_run(folder)
    assert len(run.requests) == 1
    assert [warning for warning in run.warnings if "journal-bbbbbbbb.jsonl" in warning] == run.warnings != []
    assert {kind for kind, _ in Tail(folder).read()} == {"process", "request"}
    assert stamp(folder)
    assert DataDir(folder.path.parent.parent).select("latest")[0].id == "run"


@pytest.mark.parametrize("plant", PLANTED)
def test_closed_journal_is_not_opened_through_a_planted_file(folder: RunFolder, precious: Path, plant: Plant) -> None:
    journal = Journal(folder.path, HEADER)
    assert journal.append("{}")
    journal.close()
    journal.path.unlink()
    plant(journal.path, precious)
    assert not journal.append('{"client":"text"}')
    assert journal.losses.count == 1


def test_names_beside_a_file_cannot_be_guessed(folder: RunFolder, precious: Path) -> None:
    """A temporary name is visible in the folder while the file exists, but each is used only once."""
    journal = Journal(folder.path, HEADER)
    journal.append("{}")
    seen: set[str] = set()
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            seen.update(name for name in os.listdir(folder.path) if name.endswith(".tmp"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for _ in range(200):
            journal.path.unlink()
            journal.maintain()
            reset(folder)
    finally:
        over.set()
        watcher.join()
        journal.close()
    assert all(len(name.removesuffix(".tmp").rpartition(".")[2]) == 16 for name in seen)
    assert not seen & {*os.listdir(folder.path)}


class TestFolders:
    def test_link_of_another_user_is_not_followed(self, tmp_path: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("only root can create a link of another user")
        for planted in ("runs", "runs/run"):
            data, elsewhere = tmp_path / planted.replace("/", "-"), tmp_path / f"elsewhere-{planted.replace('/', '-')}"
            elsewhere.mkdir()
            (data / planted).parent.mkdir(parents=True)
            (data / planted).symlink_to(elsewhere)
            os.lchown(data / planted, 12345, 12345)
            journal = Journal(data / "runs" / "run", HEADER)
            assert not journal.append("{}")
            assert "a symbolic link of another user" in journal.losses.reason
            with pytest.raises(StorageError, match=r"a symbolic link of another user.*remove it"):
                DataDir(data).run("run").set_open_window(Window("w", 1.0))
            assert list(elsewhere.iterdir()) == []

    def test_own_links_are_followed(self, tmp_path: Path) -> None:
        for name in ("data", "data/runs"):
            (tmp_path / f"big-disk-{len(name)}").mkdir()
            (tmp_path / name).symlink_to(tmp_path / f"big-disk-{len(name)}")
        with closing(Journal(tmp_path / "data" / "runs" / "run", HEADER)) as journal:
            assert journal.append("{}")
        assert len(list((tmp_path / "big-disk-9" / "run").iterdir())) == 1

    @pytest.mark.parametrize("mask", [0o000, 0o002, 0o022, 0o077])
    def test_permissions(self, tmp_path: Path, mask: int) -> None:
        """Given by the umask, but never writable for all; the group can take part if the umask permits it."""
        before = os.umask(mask)
        try:
            with server(tmp_path, tmp_path / "data") as live:
                live.ask(1)
                for route in ("start?name=one", "requests", "dump?reset=1"):
                    assert live.control(route, "POST" if "reset" in route else "GET")[0] == 200
                found = {path: stat.S_IMODE(path.lstat().st_mode) for path in (tmp_path / "data").rglob("*")}
        finally:
            os.umask(before)
        assert len(found) > 8
        assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o775 & ~mask
        for path, mode in found.items():
            most = 0o775 if path.is_dir() else 0o644 if path.name.startswith("journal-") else 0o664
            assert (path, mode) == (path, most & ~mask)


class TestLocks:
    @pytest.fixture
    def holder(self, folder: RunFolder) -> Iterator[int]:
        """Another process that holds the lock, for which it only needs to read the file."""
        _made(folder)
        with folder.locked():
            pass
        descriptor = os.open(folder.path / "marks.lock", os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
        os.close(descriptor)

    def test_is_not_waited_for_without_end(self, folder: RunFolder, holder: int) -> None:
        refused = pytest.raises(
            StorageError, match=r"marks.lock.*locked by another process.*nothing was reset.*end that"
        )
        with refused, folder.locked(seconds=0.2):
            pass

    def test_restoring_does_not_wait(self, folder: RunFolder, holder: int) -> None:
        """The server's flushing thread would wait too."""
        (folder.path / "marks.jsonl").write_text(json.dumps({"at": 1, "offsets": {}}) + "\n")
        shared = SharedFiles(folder, folder.clock())
        (folder.path / "marks.jsonl").unlink()
        shared.restore()
        assert not (folder.path / "marks.jsonl").exists()
        fcntl.flock(holder, fcntl.LOCK_UN)
        shared.restore()
        assert (folder.path / "marks.jsonl").exists()


def _made(folder: RunFolder) -> RunFolder:
    folder.path.mkdir(parents=True)
    return folder
