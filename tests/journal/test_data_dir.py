"""The runs in a data directory: how they are named, found and chosen.

Tests ``journal.data_dir`` and ``journal.run_folder``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.errors import DataError
from flask_livecoverage.journal import run_folder
from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.run_folder import new_run_id
from flask_livecoverage.journal.writer import Journal

from ..support.journals import HEADER


class TestRuns:
    @pytest.fixture
    def data_dir(self, tmp_path: Path) -> DataDir:
        directory = DataDir(tmp_path)
        for name in ("20240101-a", "20240102-b", "20240102-c"):
            journal = Journal(directory.run(name).path, HEADER)
            journal.append("{}")
            journal.close()
        directory.run("20990101-empty").path.mkdir()
        return directory

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ("latest", ["20240102-c"]),
            ("all", ["20240101-a", "20240102-b", "20240102-c"]),
            ("20240102-b", ["20240102-b"]),
            ("20240101", ["20240101-a"]),
        ],
    )
    def test_selection(self, data_dir: DataDir, wanted: str, found: list[str]) -> None:
        assert [run.id for run in data_dir.select(wanted)] == found

    @pytest.mark.parametrize(("wanted", "problem"), [("2023", "no run '2023'"), ("20240102", "more than one run")])
    def test_wrong_selection_lists_the_runs(self, data_dir: DataDir, wanted: str, problem: str) -> None:
        with pytest.raises(DataError, match=problem) as caught:
            data_dir.select(wanted)
        assert "latest, all or one of 20240102-c, 20240102-b, 20240101-a" in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_exact_id_wins_over_beginning(self, data_dir: DataDir) -> None:
        journal = Journal(data_dir.run("20240102").path, HEADER)
        journal.append("{}")
        journal.close()
        assert [run.id for run in data_dir.select("20240102")] == ["20240102"]

    @pytest.mark.parametrize("wanted", ["latest", "all", "x"])
    def test_message_without_runs_names_the_command_that_records(self, tmp_path: Path, wanted: str) -> None:
        with pytest.raises(DataError, match=r"nothing is recorded in .*livecov run"):
            DataDir(tmp_path / "none").select(wanted)

    def test_foreign_files_are_listed(self, data_dir: DataDir) -> None:
        stray = data_dir.path / "runs" / "notes.txt"
        stray.write_text("mine")
        assert data_dir.foreign_files() == [stray]
        assert [run.id for run in data_dir.select("latest")] == ["20240102-c"]

    def test_ids_sort_by_time_whatever_the_local_clock_does(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # Central Europe on 2024-10-27: at 01:00 UTC the clocks went from 03:00 back to 02:00.
        moments = [1729990200.25, 1729990200.75, 1729990800.5, 1729994400.0]
        monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        run_folder.time.tzset()
        try:
            ids = []
            for moment in moments:
                monkeypatch.setattr(run_folder.time, "time", lambda moment=moment: moment)
                ids.append(new_run_id())
        finally:
            monkeypatch.undo()
            run_folder.time.tzset()
        assert ids == sorted(ids)
        assert ids[0].startswith("20241027-005000-250-")

    def test_ids_of_the_same_moment_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(run_folder.time, "time", lambda: 1729990200.25)
        assert len({new_run_id() for _ in range(4)}) > 1


def test_latest_run_is_the_one_that_started_last_whatever_its_name(tmp_path: Path) -> None:
    for name, started_at in (("zebra", 10.0), ("20261121-1", 30.0), ("my-run", 20.0)):
        Journal(tmp_path / "runs" / name, {"started_at": started_at}).append("{}")
    data_dir = DataDir(tmp_path)
    assert [run.id for run in data_dir.runs()] == ["zebra", "my-run", "20261121-1"]
    assert [run.id for run in data_dir.select("latest")] == ["20261121-1"]
