"""A store that another process has locked: queries wait as long as it makes progress.

Tests ``store.dialect``.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import closing

import pytest

from flask_livecoverage.errors import DataError
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store import dialect

from ..support.journals import Writer, trace_of
from .long_run import NOW, REQUESTS, ask, ask_own


class TestLocked:
    @pytest.fixture
    def short_timeout(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(dialect, "BUSY_SECONDS", 1)

    def test_error_after_the_timeout(self, folder: RunFolder, short_timeout: None) -> None:
        ask(folder)
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        path = folder.path.parent.parent / "store.sqlite3"
        with closing(sqlite3.connect(path)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            with pytest.raises(DataError, match=r"locked.*: end the other process that has locked it, or try again"):
                ask_own(folder, [])
        assert len(ask_own(folder, []).requests) == REQUESTS + 1
        assert list(path.parent.glob("*broken*")) == []

    def test_queries_without_new_lines_do_not_wait(self, folder: RunFolder, short_timeout: None) -> None:
        whole = ask(folder)
        with closing(sqlite3.connect(folder.path.parent.parent / "store.sqlite3")) as holder:
            holder.execute("BEGIN IMMEDIATE")
            assert ask_own(folder, []) == whole

    def test_waits_as_long_as_others_make_progress(self, folder: RunFolder, short_timeout: None) -> None:
        """Another process that inserts much holds the lock nearly all the time, but not for ever."""
        ask(folder)
        Writer(folder, "bbbbbbbb").request(trace_of({"/srv/1.py": [1]}), NOW)
        path = folder.path.parent.parent / "store.sqlite3"
        waiting, over = threading.Event(), threading.Event()

        def hold() -> None:
            with closing(sqlite3.connect(path, isolation_level=None)) as holder:
                holder.execute("CREATE TABLE busy (number)")
                ends = time.monotonic() + 3
                while time.monotonic() < ends:
                    holder.execute("BEGIN IMMEDIATE")
                    waiting.set()
                    holder.execute("INSERT INTO busy VALUES (1)")
                    over.wait(0.3)
                    holder.execute("COMMIT")

        thread = threading.Thread(target=hold)
        thread.start()
        try:
            assert waiting.wait(30)
            assert len(ask_own(folder, []).requests) == REQUESTS + 1
        finally:
            over.set()
            thread.join()
