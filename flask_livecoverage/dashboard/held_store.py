"""The store as it was when figures were made, for as long as pages are made of both."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ..store import RunQueries
from .snapshot import Figures


class Snapshot:
    """Figures, and what the store held at that moment, whatever has come into it since.

    It is one transaction of the store's database, so one user at a time reads, and SQLite keeps what was there then:
    the snapshot is closed when whoever made it and all who hold it have released it.

    :param stack: closes ``recorded``.
    """

    def __init__(self, figures: Figures, recorded: RunQueries, stack: ExitStack) -> None:
        self.figures = figures
        self._recorded = recorded
        self._stack = stack
        self._counting, self._reading = threading.Lock(), threading.Lock()
        # Its maker's.
        self._holders = 1

    def hold(self) -> bool:
        """Keep it open until :meth:`release`; False if it is closed already."""
        with self._counting:
            if self._holders:
                self._holders += 1
            return self._holders > 0

    def release(self) -> None:
        """Hold it no longer."""
        with self._counting:
            self._holders -= 1
            is_last = not self._holders
        if is_last:
            self._stack.close()

    @contextmanager
    def recorded(self) -> Iterator[RunQueries]:
        """What the store held. Whoever asks must hold the snapshot."""
        with self._reading:
            yield self._recorded
