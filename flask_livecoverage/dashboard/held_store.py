"""Keeps the store's content as it was when a snapshot was made, while pages are rendered from both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..store import RunQueries
from .snapshot import Snapshot


class HeldStore:
    """A snapshot, and the store's content at that moment, whatever has been written to the store since.

    It is one transaction of the store's database, so only one user reads at a time, and SQLite keeps the old content
    until the transaction ends: when the creator and all other holders have released it.

    :param stack: closes ``queries``.
    """

    def __init__(self, snapshot: Snapshot, queries: RunQueries, stack: ExitStack) -> None:
        self.snapshot = snapshot
        self._queries = queries
        self._stack = stack
        self._counting, self._reading = threading.Lock(), threading.Lock()
        # The creator.
        self._holders = 1

    def hold(self) -> bool:
        """Keep it open until :meth:`release`; return False if it is already closed."""
        with self._counting:
            if self._holders:
                self._holders += 1
            return self._holders > 0

    def release(self) -> None:
        """Stop holding it; the last holder closes it."""
        with self._counting:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            self._stack.close()

    @contextmanager
    def recorded(self) -> Iterator[RunQueries]:
        """Queries of the store's content at that moment. The caller must hold it."""
        with self._reading:
            yield self._queries
