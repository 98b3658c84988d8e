"""A store that stays open between its uses.

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


class TestHandle:
    @pytest.fixture
    def handle(self) -> Iterator[StoreHandle]:
        with closing(StoreHandle(store_url(Path(".livecov"), None))) as handle:
            yield handle
        # Python warns now of a connection that was left open.
        gc.collect()

    @pytest.fixture
    def folder(self) -> RunFolder:
        folder = run_folder()
        Writer(folder, "aaaaaaaa").request(TRACES[1], NOW)
        return folder

    def log(self) -> Path:
        """Return the file that SQLite removes when the last connection to the store is closed."""
        return Path(".livecov/store.sqlite3-wal")

    def test_stays_open_until_it_is_closed(self, handle: StoreHandle, folder: RunFolder) -> None:
        with handle.use() as store:
            store.sync(folder)
        assert self.log().exists()
        handle.close()
        assert not self.log().exists()

    def test_present_uses_may_continue_after_close(self, handle: StoreHandle, folder: RunFolder) -> None:
        with handle.use() as store, store.recorded([store.sync(folder)]) as queries:
            handle.close()
            assert queries.requests.count() == 1
        with handle.use() as store, store.recorded([store.sync(folder)]) as queries:
            assert queries.requests.count() == 1
        assert not self.log().exists()

    def test_file_that_was_removed(self, handle: StoreHandle, folder: RunFolder) -> None:
        with handle.use() as store:
            store.sync(folder)
        remove_store()
        with handle.use() as rebuilt:
            assert rebuilt.identity != store.identity

    def test_file_that_is_removed_during_a_use(self, handle: StoreHandle, folder: RunFolder) -> None:
        with handle.use() as store, store.recorded([store.sync(folder)]) as queries:
            remove_store()
            with handle.use() as rebuilt, rebuilt.recorded([rebuilt.sync(folder)]) as queries_again:
                assert rebuilt.identity != store.identity
                assert queries_again.requests.count() == queries.requests.count() == 1
        with handle.use() as again:
            assert again.identity == rebuilt.identity

    def test_several_at_once(self, handle: StoreHandle, folder: RunFolder) -> None:
        def count(_number: int) -> tuple[str, int]:
            with handle.use() as store, store.recorded([store.sync(folder)]) as queries:
                return store.identity, queries.requests.count()

        with ThreadPoolExecutor(8) as pool:
            assert len({*pool.map(count, range(40))}) == 1
