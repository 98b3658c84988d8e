"""Counts the records that a process could not write, until its journal tells them."""

from __future__ import annotations

import threading


class Losses:
    """What was lost: ``count`` in all, ``untold`` of them not in the journal, and the last ``reason``."""

    def __init__(self) -> None:
        self.count = 0
        self.untold = 0
        self.reason = "removed"
        self._lock = threading.Lock()

    def add(self, count: int, reason: str | None = None) -> None:
        """More was lost, for this reason or for the last one."""
        with self._lock:
            self.count += count
            self.untold += count
            self.reason = reason or self.reason

    def take(self) -> int:
        """How many the journal has to tell; they count as told until :meth:`give_back`."""
        with self._lock:
            count, self.untold = self.untold, 0
            return count

    def give_back(self, count: int) -> None:
        """So many could not be told."""
        with self._lock:
            self.untold += count

    def describe_untold(self) -> str | None:
        """A warning of what the journal does not tell; None if it tells all."""
        if not self.untold:
            return None
        return f"{self.untold} records of this process were lost ({self.reason}), and no report will tell so"
