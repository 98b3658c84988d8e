"""Threads with journals of their own, as processes have them, open and close the window of a run at the same time."""

from __future__ import annotations

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress

import pytest

from flask_livecoverage.errors import StorageError
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.journal.window_switch import WindowSwitch
from flask_livecoverage.journal.writer import Journal
from flask_livecoverage.model.records import Window

from ..support.journals import HEADER, run_folder

THREADS = 6


def open_and_close(run: RunFolder, thread: int) -> list[Window]:
    """Return the windows that this thread has closed, but not those that it closed by opening another."""
    with closing(Journal(run.path, HEADER)) as journal:
        switch = WindowSwitch(run, journal, run.clock())
        closed = []
        for number in range(20):
            switch.open(f"{thread}-{number}")
            closed.append(switch.close())
        return [window for window in closed if window is not None]


def test_each_window_is_closed_once() -> None:
    run = run_folder()
    with ThreadPoolExecutor(THREADS) as threads:
        by_thread = list(threads.map(lambda thread: open_and_close(run, thread), range(THREADS)))
    closed = [window for windows in by_thread for window in windows]
    assert len({window.name for window in closed}) == len(closed)
    recorded = {window.name: window for window in read_windows(run)}
    assert len(recorded) == THREADS * 20
    # By the lines, it was the same window, for the same time.
    assert [recorded[window.name] for window in closed] == closed
    assert not run.has_open_window()


def read_windows(run: RunFolder) -> list[Window]:
    return list(read_run(run).windows)


def test_nothing_is_open() -> None:
    run = run_folder()
    with closing(Journal(run.path, HEADER)) as journal:
        assert WindowSwitch(run, journal, run.clock()).close() is None
        assert run.open_window() is None


def test_window_that_another_process_has_opened() -> None:
    run = run_folder()
    with closing(Journal(run.path, HEADER)) as first, closing(Journal(run.path, HEADER)) as second:
        WindowSwitch(run, first, run.clock()).open("é\n")
        opened = run.open_window()
        assert opened is not None
        closed = WindowSwitch(run, second, run.clock()).close()
    assert closed is not None
    assert (closed.name, closed.opened_at) == (opened.name, opened.opened_at) == ("é\n", opened.opened_at)
    assert closed.closed_at is not None
    assert closed.closed_at > closed.opened_at


@pytest.mark.parametrize("has_second_names", [True, False])
@pytest.mark.parametrize(("before", "change"), [(None, "open"), ("before", "open"), ("before", "close")])
def test_line_that_cannot_be_written_changes_nothing(
    monkeypatch: pytest.MonkeyPatch, change: str, before: str | None, has_second_names: bool
) -> None:
    if not has_second_names:
        monkeypatch.setattr(os, "link", no_second_names)
    run = run_folder()
    with closing(Journal(run.path, HEADER)) as journal:
        switch = WindowSwitch(run, journal, run.clock())
        if before:
            switch.open(before)
        opened = run.open_window()
        files = sorted(run.path.iterdir())
        monkeypatch.setattr(journal, "append_object", lambda *args, **fields: False)
        with pytest.raises(StorageError, match="no window was opened" if change == "open" else "still open"):
            switch.open("other") if change == "open" else switch.close()
        assert run.open_window() == opened
        assert {*files, run.path / "marks.window.lock"} == {*run.path.iterdir()}


def test_former_window_is_shown_again_without_room_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_folder()
    run.set_open_window(Window("before", 1.0))

    for window in (Window("other", 2.0), None):
        with monkeypatch.context() as context, suppress(StorageError), run.showing_window(window):
            context.setattr("flask_livecoverage.journal.run_folder.replace_data_file", full)
            raise StorageError("nothing can be written from here on")
        assert run.open_window() == Window("before", 1.0)


def no_second_names(*args: object, **options: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def full(*args: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
