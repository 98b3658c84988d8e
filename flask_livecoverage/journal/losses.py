"""Counts the records that a process could not write, and describes them."""

from __future__ import annotations

import threading
from collections.abc import Mapping


class Losses:
    """Lost records: ``count`` in all, ``unreported`` of them not counted in the journal, and the last ``reason``."""

    def __init__(self) -> None:
        self.count = 0
        self.unreported = 0
        self.reason = "removed"
        self._lock = threading.Lock()

    def add(self, count: int, reason: str | None = None) -> None:
        """Count more lost records, for this reason or for the last one."""
        with self._lock:
            self.count += count
            self.unreported += count
            self.reason = reason or self.reason

    def take(self) -> int:
        """Return how many the journal has to report; they count as reported until :meth:`give_back`."""
        with self._lock:
            count, self.unreported = self.unreported, 0
            return count

    def give_back(self, count: int) -> None:
        """Count this many as unreported again."""
        with self._lock:
            self.unreported += count

    def describe_unreported(self) -> str | None:
        """Return a warning of the records that the journal does not report; None if it reports all."""
        if not self.unreported:
            return None
        return f"{records_were_lost(self.unreported)} in this process ({self.reason}), and no report will count that"


def describe_losses(counts: Mapping[str, int]) -> str | None:
    """Return a warning of the records that were lost, by the reason; None if none were."""
    total = sum(counts.values())
    if not total:
        return None
    return f"{records_were_lost(total)} ({', '.join(sorted(counts))}): the lines of these requests are missing"


def records_were_lost(count: int) -> str:
    """Return the beginning of each message about lost records, in the singular for one."""
    return "1 record was lost" if count == 1 else f"{count} records were lost"
