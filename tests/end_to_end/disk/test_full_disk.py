"""The disk is full while the server records: it still answers, and the lost records are counted and reported.

Tests ``journal.storage``, ``journal.losses`` and ``store.losses``.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from flask_livecoverage.cli.group import livecov
from flask_livecoverage.journal.outcomes import read_outcomes
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.store import open_store

from ...support.lines import line_of
from ...support.servers import get
from .disks import Mounts, fill
from .servers import APPLICATION, server


def test_full_disk_costs_records_but_no_answer(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(2048)
    with server(tmp_path, disk / "data") as live:
        assert live.control("start?name=before")[0] == 200
        live.ask(30)
        ballast = fill(disk, room=12 << 10)
        # More than fit, also into the rest of the journal's last block.
        live.ask(200)
        before = live.status()
        assert 0 < before["lost"] < 200

        # Nothing can be changed now. Each attempt gets an error of one line, and has changed nothing.
        assert "the window is still open" in live.control("stop")[1]["error"]
        for route, method in [("start?name=w", "POST"), ("stop", "POST"), ("reset", "POST"), ("dump?reset=1", "POST"),
                              ("requests", "GET")]:  # fmt: skip
            code, answer = live.control(route, method)
            assert (route, code) == (route, 507)
            assert "No space left on device" in answer["error"] or "full" in answer["error"]
            assert "make room" in answer["error"]
            assert "\n" not in answer["error"]
        after = live.status()
        assert {**after, "time": 0} == {**before, "time": 0}
        assert after["window"] == "before"
        code, dump = live.control("dump")
        assert (code, len(dump["requests"])) == (200, before["requests"])
        live.ask(30)

        ballast.unlink()
        lost = before["lost"] + 30
        assert live.status()["lost"] == lost
        live.ask(256)
        code, answer = live.control("stop")
        assert (code, answer["name"]) == (200, "before")
        run = read_run(live.run)
        assert run.lost == lost
        assert len(run.requests) + run.lost == len(live.sent)
        assert {request.test for request in run.requests} == {"before"}
        live.check(run)
        warnings = [warning for warning in run.warnings if "cannot be read, skipped" not in warning]
        assert warnings == [
            f"{lost} records were lost (No space left on device): the lines of these requests are missing"
        ]
        assert live.control("requests?limit=1")[1]["total"] == len(run.requests)


SUITE = """
def test_first():
    pass


def test_while_the_disk_is_full():
    assert 0


def test_last():
    import os
    os.unlink(os.environ["BALLAST"])
"""


def test_outcome_that_cannot_be_recorded_fails_no_test(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(2048)
    (tmp_path / "test_suite.py").write_text(SUITE)
    with server(tmp_path, disk / "data") as live:
        live.ask(1)
        assert live.control("outcome?test=before&outcome=passed", "POST")[0] == 200
        ballast = fill(disk)
        # Some fit into the rest of the file's last block.
        answers = (live.control("outcome?test=refused&outcome=passed", "POST") for _ in range(100))
        refused = next(answer for answer in answers if answer[0] != 200)
        assert refused[0] == 507
        assert "(No space left on device), so the outcome of refused is not recorded: make room" in refused[1]["error"]
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--livecov-tag", "test_suite.py"]
        environ = {**os.environ, "LIVECOVERAGE_URL": f"http://127.0.0.1:{live.port}", "BALLAST": str(ballast)}
        found = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True)
        assert "1 failed, 2 passed" in found.stdout, found
        assert ("WARNING: the outcome of 2 tests could not be recorded (No space left on device)\n") in found.stdout
        outcomes = {test: one.outcome for test, one in read_outcomes(live.run).outcomes.items()}
        outcomes.pop("refused", None)
        assert outcomes == {"before": "passed", "test_suite.py::test_last": "passed"}


def test_disk_that_was_full_before_the_first_line(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(256)
    ballast = fill(disk)
    with server(tmp_path, disk / "data") as live:
        live.ask(20)
        assert live.status()["lost"] == 20
        assert live.control("start?name=w")[0] == 507
        ballast.unlink()
        live.ask(20)
        assert (live.status()["lost"], live.status()["requests"]) == (20, 20)
        run = read_run(live.run)
        assert run.lost == 20
        live.check(run)


def test_file_that_may_not_grow(tmp_path: Path) -> None:
    """A quota or ``ulimit -f``: another error, and one file alone."""
    with server(tmp_path, tmp_path / "data") as live:
        live.ask(10)
        (journal,) = live.run.journals()
        limit = journal.stat().st_size + 1000
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        live.ask(100)
        lost = live.status()["lost"]
        assert 0 < lost <= 100
        assert journal.stat().st_size == limit
        code, answer = live.control("start?name=w")
        assert (code, "File too large" in answer["error"]) == (507, True)
        assert not live.run.has_open_window()
        for _ in range(5):
            assert get(live.port, "/stream") == (200, b"first,second,last")
        # Each is one loss, however many chunks it has.
        assert live.status()["lost"] == lost + 5
        lost += 5
        resource.prlimit(live.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        live.ask(256)
        assert live.status()["lost"] == lost
        run = read_run(live.run)
        assert len(run.requests) + run.lost == len(live.sent) + 5
        live.check(run)
        # Nor are their lines recorded as ambient.
        application = (tmp_path / "application.py").resolve()
        line = line_of(application, 'yield "second,"')
        ambient = [run.traces[trace].line_numbers() for trace in run.ambient]
        assert not any(line in files.get(str(application), ()) for files in ambient)


def test_all_processes_of_the_run_report_the_losses_of_one(tmp_path: Path) -> None:
    run_id = {"LIVECOVERAGE_RUN": "shared"}
    with server(tmp_path, tmp_path / "data", **run_id) as one, server(tmp_path, tmp_path / "data", **run_id) as other:
        one.ask(5)
        other.ask(5)
        resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
        one.ask(7)
        assert one.status()["lost"] == 7
        resource.prlimit(one.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert one.status()["lost"] == 7
        assert other.status()["lost"] == 7
        assert other.control("reset", "POST")[0] == 200
        assert other.status()["lost"] == 7  # a reset hides no loss
        run = other.run
    for question in ("report", "requests"):
        asked = CliRunner().invoke(livecov, [question, "--data-dir", str(tmp_path / "data")])
        assert asked.exit_code == 0
        assert "Warning: 7 records were lost (File too large)" in asked.output
    with open_store(f"sqlite:///{tmp_path / 'other.sqlite3'}") as store:
        for _ in range(2):
            store.sync(run)
    assert sum("7 records were lost" in warning for warning in store.warnings) == 2


def test_serve_reports_a_loss_that_the_journal_does_not_count(tmp_path: Path, mounts: Mounts) -> None:
    disk = mounts.small_disk(2048)
    (tmp_path / "application.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "flask", "--app", "application", "livecov", "serve", "--port", "0"]
    command += ["--data-dir", str(disk / "data"), "--no-access-log"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            assert running.stderr is not None
            port = next(int(line.rpartition(":")[2]) for line in running.stderr if "Running on" in line)
            assert get(port, "/1")[0] == 200
            fill(disk)
            for number in range(40):
                assert get(port, f"/{number}")[0] == 200
            assert get(port, "/shutdown", method="POST")[0] == 200
            output, errors = running.communicate(timeout=60)
        finally:
            running.kill()
    assert running.returncode == 0
    assert "application.py" in output
    lost = [line for line in errors.splitlines() if "no report will count" in line]
    assert len(lost) == 1
    assert lost[0].startswith("Warning: ")
    assert "No space left on device" in lost[0]
