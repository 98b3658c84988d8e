"""Old runs are removed, and never one that is being recorded, nor the last results of a suite.

Tests ``journal.retention``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal.outcomes import Collection, append_collection
from flask_livecoverage.journal.retention import is_live, remove, size_of, surplus
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.writer import Journal

from ..support.journals import HEADER, Writer, run_folder, trace_of

NOW = 1_700_000_000.0


def recorded(name: str, started_at: float = NOW, test: str | None = None) -> RunFolder:
    writer = Writer(run_folder(name), "1a", pid=2**22 + 1, started_at=started_at)
    writer.request(trace_of({"/srv/app.py": [1]}), started_at, test=test)
    return writer.folder


class TestLive:
    def test_ended(self) -> None:
        assert not is_live(recorded("a"))

    def test_open_journal(self) -> None:
        folder = run_folder()
        journal = Journal(folder.path, {**HEADER, "pid": 2**22 + 1})
        journal.append("{}")
        assert is_live(folder)
        journal.close()
        del journal
        assert not is_live(folder)

    @pytest.fixture
    def writer(self) -> Iterator[subprocess.Popen[bytes]]:
        """A process in another namespace of numbers: what it writes as its number means nothing here."""
        script = (
            "import sys; from pathlib import Path; from flask_livecoverage.journal.writer import Journal\n"
            f"journal = Journal(Path(sys.argv[1]), { ({**HEADER, 'pid': 2**22 + 1})!r})\n"
            "journal.append('{}'); print(flush=True); sys.stdin.read()"
        )
        command = [sys.executable, "-c", script, run_folder().path]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with process:
            assert process.stdout is not None
            process.stdout.readline()
            yield process
            process.kill()

    def test_other_process_until_it_is_killed(self, writer: subprocess.Popen[bytes]) -> None:
        assert is_live(run_folder())
        writer.kill()
        writer.wait()
        assert not is_live(run_folder())

    def test_process_that_cannot_lock_files(self) -> None:
        folder = recorded("a")
        (path,) = folder.journals()
        header, rest = path.read_text().split("\n", 1)
        path.write_text(json.dumps({**json.loads(header), "pid": os.getpid()}) + "\n" + rest)
        assert is_live(folder)
        # The number was given to this process after the last line.
        os.utime(path, (NOW, NOW))
        assert not is_live(folder)

    def test_server_that_is_starting(self) -> None:
        folder = run_folder()
        assert is_live(folder)
        os.utime(folder.path, (NOW, NOW))
        assert not is_live(folder)


class TestSurplus:
    def test_oldest_go(self) -> None:
        runs = [recorded(f"run-{n}", NOW + n, "a") for n in range(5)]
        assert surplus(runs, 3) == runs[:2]
        assert surplus(runs, 5) == []
        assert surplus(runs, 0) == runs[:4]

    def test_last_results_of_a_suite_stay(self) -> None:
        tests = [None, "a", "b", None, None]
        runs = [recorded(f"run-{n}", NOW + n, test) for n, test in enumerate(tests)]
        assert [run.id for run in surplus(runs, 2)] == ["run-0", "run-1"]
        assert [run.id for run in surplus(runs, 1)] == ["run-0", "run-1", "run-3"]

    def test_nothing_was_tested(self) -> None:
        runs = [recorded(f"run-{n}", NOW + n) for n in range(3)]
        assert surplus(runs, 1) == runs[:2]

    def test_record_of_tests_that_a_later_run_left_out_stays(self) -> None:
        runs = [recorded(name, NOW + number, test="t") for number, name in enumerate("abcde")]
        append_collection(runs[2], Collection(["t"], "/srv", NOW, {"a": ["t"]}))
        append_collection(runs[4], Collection(["t"], "/srv", NOW, {"b": ["t"], "gone": ["u"]}))
        # The third one does not stay, so nothing needs the first one.
        assert surplus(runs, 2) == [runs[0], runs[2]]

    def test_live_run_stays(self) -> None:
        runs = [recorded(f"run-{n}", NOW + n, "a") for n in range(3)]
        journal = Journal(runs[0].path, HEADER)
        journal.append("{}")
        assert surplus(runs, 1) == [runs[1]]
        journal.close()


class TestRemoval:
    def test_folder_is_gone(self) -> None:
        folder = recorded("a")
        assert size_of(folder) == sum(path.stat().st_size for path in folder.path.iterdir())
        remove(folder)
        assert not folder.path.exists()
        remove(folder)

    def test_link_is_refused(self, tmp_path: Path) -> None:
        target = tmp_path / "elsewhere"
        target.mkdir()
        (target / "file").touch()
        link = RunFolder(tmp_path / "link")
        link.path.symlink_to(target)
        with pytest.raises(StorageError, match="cannot be removed"):
            remove(link)
        assert (target / "file").exists()
