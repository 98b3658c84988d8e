"""The wall clock is set back while a run is recorded: the order of requests and windows stays right.

Tests ``journal.clock``.
"""

from __future__ import annotations

import glob
import os
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from flask_livecoverage.journal import clock
from flask_livecoverage.journal.clock import RunClock, clock_path, known_clock, shared_clock, wall_clock
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.filters import parse_since

from .servers import server

HOUR = 3600.0

# Reads the error of the wall clock from a file, as libfaketime does.
PATCH = """
import time as _time

_right = _time.time


def _wrong():
    with open({path!r}) as file:
        return _right() + float(file.read().strip().rstrip("s"))


_time.time = _wrong
"""


def find_libfaketime() -> str | None:
    found = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1") + glob.glob("/opt/homebrew/lib/faketime/libfaketime*")
    return os.environ.get("LIBFAKETIME") or next(iter(found), None)


class WallClock:
    """The wall clock of the servers, which is set by writing into a file."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.path = folder / "error-of-the-clock"
        self.set(0)
        if kind == "patched":
            # Imported by each Python before anything else.
            (folder / "site").mkdir()
            (folder / "site" / "sitecustomize.py").write_text(PATCH.format(path=str(self.path)))
            paths = [str(folder / "site"), os.environ.get("PYTHONPATH")]
            self.environ = {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
        else:
            library = find_libfaketime()
            if library is None:
                pytest.skip("libfaketime is not installed (Debian: apt-get install faketime)")
            self.environ = {
                "LD_PRELOAD": library,
                "FAKETIME_TIMESTAMP_FILE": str(self.path),
                "FAKETIME_NO_CACHE": "1",
                "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            }

    def set(self, seconds: float) -> None:
        """Set it to this number of seconds after the right time, in one step."""
        new = self.path.with_suffix(".new")
        new.write_text(f"{seconds:+.0f}s\n")
        new.replace(self.path)


@pytest.fixture(params=["patched", pytest.param("libfaketime", marks=pytest.mark.promise)])
def wall(request: pytest.FixtureRequest, tmp_path: Path, thorough: bool) -> WallClock:
    if request.param == "libfaketime" and not thorough:
        pytest.skip("libfaketime only with --thorough: it makes servers slow")
    return WallClock(tmp_path, request.param)


def test_windows_and_order_hold_in_all_processes(tmp_path: Path, wall: WallClock) -> None:
    environ = {**wall.environ, "LIVECOVERAGE_RUN": "run"}
    with ExitStack() as stack:
        live = [stack.enter_context(server(tmp_path, tmp_path / "data", **environ))]
        sent: dict[str, list[tuple[int, str]]] = {}
        order = []
        for number, jump in enumerate([0, -HOUR]):
            wall.set(jump)
            # Another worker, which starts with the wrong clock.
            live.append(stack.enter_context(server(tmp_path, tmp_path / "data", **environ)))
            window = f"window-{number}"
            assert live[number % len(live)].control(f"start?name={window}")[0] == 200
            for one in live:
                one.ask(2, clients=1)
                order += [(one.process.pid, f"/{sent_number}") for sent_number in one.sent[-2:]]
            sent[window] = order[-2 * len(live) :]
            code, stopped = live[-1].control("stop")
            assert (code, stopped["name"], stopped["requests"]) == (200, window, len(sent[window]))
            for one in live:
                one.ask(1, clients=1)
                order.append((one.process.pid, f"/{one.sent[-1]}"))
        newest = live[0].control("requests?since=10m&limit=999")[1]
        # By the wall clock between two jumps, all requests would be an hour old, or in the future.
        assert newest["total"] == len(order)
        assert [(request["pid"], request["path"]) for request in newest["requests"]] == order[::-1]
    (folder,) = DataDir(tmp_path / "data").select("latest")
    run = read_run(folder)
    assert [(request.pid, request.path) for request in run.requests] == order
    assert [window.name for window in run.windows] == list(sent)
    for window in run.windows:
        assert window.closed_at is not None
        assert 0 < window.closed_at - window.opened_at < HOUR / 2
        found = [(request.pid, request.path) for request in run.requests if request.window == window.name]
        assert found == sent[window.name]
    # UNIX seconds, by the clock as it was at the start.
    assert abs(run.requests[-1].started_at - time.time()) < HOUR / 2


def test_latest_run_is_the_one_that_was_started_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data_dir, right = DataDir(tmp_path), time.time
    for run_id, jump in [("first", 0.0), ("second", -HOUR), ("third", -24 * HOUR), ("fourth", HOUR)]:
        monkeypatch.setattr(time, "time", lambda jump=jump: right() + jump)
        run = data_dir.run(run_id)
        Journal(run.path, {"started_at": run.clock().now()}).append("{}")
        assert [found.id for found in data_dir.select("latest")] == [run_id]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = DataDir(tmp_path / "data").run("run")
    found.path.mkdir(parents=True)
    return found


@pytest.fixture
def boot(monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulate another boot of the machine from here on."""
    monkeypatch.setattr(clock, "clock_name", lambda: "marks.clock-another")


class TestSharing:
    def test_first_one_counts(self, folder: RunFolder) -> None:
        first = shared_clock(folder.path, RunClock(100.0))
        assert first.offset == 100.0
        assert shared_clock(folder.path).offset == 100.0
        assert known_clock(folder.path) is not None

    def test_now_is_the_wall_clocks_time(self) -> None:
        before = time.time()
        now = wall_clock().now()
        assert before - 0.001 <= now <= time.time() + 0.001

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"offset": 1}', b'{"offset": "x", "ticks": 0}'])
    def test_file_that_cannot_be_read_is_written_again(self, folder: RunFolder, content: bytes) -> None:
        path = clock_path(folder.path)
        assert path is not None
        path.write_bytes(content)
        assert known_clock(folder.path) is None
        assert shared_clock(folder.path, RunClock(100.0)).offset == 100.0
        assert shared_clock(folder.path).offset == 100.0

    def test_clock_of_a_process_with_other_ticks_is_not_used(self, folder: RunFolder) -> None:
        """A process that sees other seconds since the boot, as under libfaketime."""
        path = clock_path(folder.path)
        assert path is not None
        path.write_text(f'{{"offset": 100.0, "ticks": {clock.ticks() / 1e9 + HOUR}}}')
        assert abs(shared_clock(folder.path).now() - time.time()) < 1

    def test_each_boot_has_its_own(self, folder: RunFolder, request: pytest.FixtureRequest) -> None:
        shared_clock(folder.path, RunClock(100.0))
        request.getfixturevalue("boot")
        assert known_clock(folder.path) is None
        assert shared_clock(folder.path, RunClock(200.0)).offset == 200.0

    def test_folder_that_does_not_exist(self, tmp_path: Path) -> None:
        assert shared_clock(tmp_path / "none", RunClock(100.0)).offset == 100.0


def test_run_of_another_boot_keeps_its_times(folder: RunFolder, request: pytest.FixtureRequest) -> None:
    header = {"started_at": folder.clock().now()}
    Journal(folder.path, header).append("{}")
    request.getfixturevalue("boot")
    assert folder.last_start() == header["started_at"]


def test_time_ago_is_relative_to_the_given_clock() -> None:
    assert parse_since("10m", now=10_000.0) == 9_400.0
    assert parse_since("1700000000", now=10_000.0) == 1_700_000_000.0
