"""The data directory is removed or becomes read-only while servers record into it."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from flask_livecoverage.journal.reader import read_run

from ...support.journals import remove_store
from .disks import Mounts
from .servers import server


def test_removed_data_directory_is_restored_with_all_records(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    with server(tmp_path, data_dir) as live:
        live.ask(100)
        for number in range(3):
            over = threading.Event()

            def remove(over: threading.Event = over) -> None:
                while not over.is_set():
                    shutil.rmtree(data_dir, ignore_errors=True)

            remover = threading.Thread(target=remove)
            remover.start()
            live.ask(60)
            over.set()
            remover.join()
            shutil.rmtree(data_dir, ignore_errors=True)
            # The dump restores it first, whether the flushing thread has run or not.
            code, dump = live.control("dump")
            assert code == 200
            assert len(dump["requests"]) == 100 + 60 * (number + 1)
        run = read_run(live.run)
        live.check(run)
        assert sorted(int(request.path[1:]) for request in run.requests) == sorted(live.sent)
        assert run.warnings == []
        assert (live.status()["lost"], (data_dir / ".gitignore").read_text()) == (0, "*\n")


def test_each_control_route_restores_the_folder(tmp_path: Path) -> None:
    with server(tmp_path, tmp_path / "data") as live:
        live.control("start?name=w")
        for route, count in [("status", "requests"), ("requests", "total"), ("dump", "requests"), ("stop", "requests")]:
            live.ask(4)
            shutil.rmtree(tmp_path / "data")
            live.ask(3)
            code, answer = live.control(route)
            assert (route, code) == (route, 200)
            found = answer[count]
            assert (found if isinstance(found, int) else len(found)) == len(live.sent)


def test_window_and_marks_survive(tmp_path: Path) -> None:
    """With ``LIVECOVERAGE_AUTOSTART`` off, the loss of the window would end the recording."""
    with server(tmp_path, tmp_path / "data", LIVECOVERAGE_AUTOSTART="0") as live:
        live.control("start?name=w")
        live.ask(5)
        assert live.control("dump?reset=1", "POST")[0] == 200
        live.ask(2)
        shutil.rmtree(tmp_path / "data")
        assert live.status()["recording"] is True
        live.ask(2)
        dump = live.control("dump?reset=1", "POST")[1]
        assert [len(dump["requests"]), {request["test"] for request in dump["requests"]}] == [4, {"w"}]
        assert live.control("stop")[1]["requests"] == 9


def test_store_that_is_removed_is_rebuilt(tmp_path: Path) -> None:
    with server(tmp_path, tmp_path / "data") as live:
        live.ask(5)
        assert live.control("requests")[1]["total"] == 5
        remove_store(tmp_path / "data")
        live.ask(1)
        assert live.control("requests")[1]["total"] == 6
        (tmp_path / "data" / "store.sqlite3").unlink()  # without the files that SQLite keeps beside it
        live.ask(1)
        assert live.control("requests")[1]["total"] == 7


def test_folder_that_becomes_read_only(tmp_path: Path, mounts: Mounts) -> None:
    """Open journals are still written; nothing new can be created, which each process reports."""
    run = {"LIVECOVERAGE_RUN": "run"}
    with server(tmp_path, mounts.path / "data", **run) as live:
        live.ask(10)
        mounts.make_read_only("data")
        live.ask(10)
        status = live.status()
        assert (status["requests"], status["lost"]) == (20, 0)
        for route, method in [("start?name=w", "POST"), ("reset", "POST"), ("dump?reset=1", "POST")]:
            code, answer = live.control(route, method)
            assert (route, code) == (route, 507)
            assert "Read-only file system" in answer["error"]
        assert live.control("dump")[0] == 200

        with server(tmp_path, mounts.path / "data", **run) as later:
            later.ask(6)
            assert later.status()["lost"] == 6
            assert later.status()["requests"] == 20
            mounts.make_writable("data")
            later.ask(1)
            assert later.status()["lost"] == 6
        status = live.status()
        assert (status["requests"], status["lost"], status["processes"]) == (21, 6, 2)
        assert live.control("reset", "POST")[0] == 200
