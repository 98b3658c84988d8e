"""Compares the lines that a window's requests executed with those that were executed before it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from ..model.records import Trace

# By path and content hash, because the lines of different versions of a file are different lines.
Bitmaps = dict[tuple[str, str], int]


class WindowHistory:
    """The lines that the windows of a run executed, kept so that a summary processes only new ones.

    All lines that were executed before the last window are one set; of each window, only a digest is kept.
    """

    def __init__(self) -> None:
        self.mark: Hashable = None
        """A mark for the caller's use: for all windows together, like that of :meth:`put` for one."""
        self._earlier: Bitmaps = {}
        self._trace_ids: set[Any] = set()
        # For each window, the mark and the digest of its lines.
        self._digests: dict[int, tuple[Hashable, str]] = {}
        self._windows: dict[str, set[int]] = {}

    @property
    def known_traces(self) -> Collection[Any]:
        """The ids of the traces that were passed to :meth:`add_before`."""
        return self._trace_ids

    def add_before(self, traces: Mapping[Any, Trace]) -> None:
        """Add traces, by id, whose requests ended before the last window."""
        _add(self._earlier, traces.values())
        self._trace_ids.update(traces)

    def changed(self, marks: Mapping[int, Hashable]) -> list[int]:
        """The windows whose mark differs from the one that was passed to :meth:`put`."""
        return [window for window, mark in marks.items() if self._digests.get(window, (None,))[0] != mark]

    def remove_others(self, windows: Collection[int]) -> None:
        """Remove all windows but these: the others have no requests any more.

        A process whose clock is behind may open a window earlier than one that another process has opened.
        """
        for window in self._digests.keys() - set(windows):
            self._remove(window)

    def put(self, window: int, mark: Hashable, traces: Iterable[Trace]) -> None:
        """Set the traces of ``window``; ``mark`` must differ whenever they change."""
        self._remove(window)
        digest = _digest(_executed(traces))
        self._digests[window] = mark, digest
        if digest:
            self._windows.setdefault(digest, set()).add(window)

    def _remove(self, window: int) -> None:
        _, digest = self._digests.pop(window, (None, ""))
        self._windows.get(digest, set()).discard(window)

    def same_as(self, traces: Iterable[Trace], but: int) -> set[int]:
        """The windows other than ``but`` that executed exactly the lines of ``traces``; none if there are no lines."""
        return self._windows.get(_digest(_executed(traces)), set()) - {but}

    def count(self, traces: Iterable[Trace]) -> dict[str, int]:
        """Count the files and lines of ``traces``, and the lines that were not executed before the last window."""
        executed = _executed(traces)
        return {
            "files": len({path for path, _ in executed}),
            "lines": _count(executed),
            "new_lines": _count({file: lines & ~self._earlier.get(file, 0) for file, lines in executed.items()}),
        }


def _executed(traces: Iterable[Trace]) -> Bitmaps:
    executed: Bitmaps = {}
    _add(executed, traces)
    return executed


def _add(executed: Bitmaps, traces: Iterable[Trace]) -> None:
    for trace in traces:
        for path, lines in trace.files.items():
            file = path, lines.content
            executed[file] = executed.get(file, 0) | lines.lines


def _digest(executed: Bitmaps) -> str:
    """A digest that is equal for equal lines; empty if there are none."""
    digest = hashlib.sha256()
    for (path, content), lines in sorted(executed.items()):
        digest.update(f"{path}\0{content}\0{lines:x}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest() if executed else ""


def _count(bitmaps: Mapping[tuple[str, str], int]) -> int:
    return sum(lines.bit_count() for lines in bitmaps.values())
