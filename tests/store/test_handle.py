"""A store that is kept open.

Tests ``store.handle``.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.store import StoreHandle, store_url

from ..support.journals import Writer, remove_store, run_folder
from .runs import NOW, TRACES


class TestKept:
    @pytest.fixture
    def kept(self) -> Iterator[StoreHandle]:
        with closing(StoreHandle(store_url(Path(".livecov"), None))) as kept:
            yield kept
        # A connection that is left open is told of now.
        gc.collect()

    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
        return folder

    def log(self) -> Path:
        """A file that SQLite removes when nobody has the store open any more."""
        return Path(".livecov/store.sqlite3-wal")

    def test_stays_open_until_it_is_closed(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store:
            store.sync(folder)
        assert self.log().exists()
        kept.close()
        assert not self.log().exists()

    def test_who_uses_it_may_go_on(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            kept.close()
            assert recorded.requests.count() == 1
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            assert recorded.requests.count() == 1
        assert not self.log().exists()

    def test_file_that_was_removed(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store:
            store.sync(folder)
        remove_store()
        with kept.use() as anew:
            assert anew.identity != store.identity

    def test_file_that_is_removed_meanwhile(self, kept: StoreHandle, folder: RunFolder) -> None:
        with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
            remove_store()
            with kept.use() as anew, anew.recorded([anew.sync(folder)]) as recorded_anew:
                assert anew.identity != store.identity
                assert recorded_anew.requests.count() == recorded.requests.count() == 1
        with kept.use() as again:
            assert again.identity == anew.identity

    def test_several_at_once(self, kept: StoreHandle, folder: RunFolder) -> None:
        def count(_number: int) -> tuple[str, int]:
            with kept.use() as store, store.recorded([store.sync(folder)]) as recorded:
                return store.identity, recorded.requests.count()

        with ThreadPoolExecutor(8) as pool:
            assert len({*pool.map(count, range(40))}) == 1
