"""What a window's requests executed, compared with what was executed before it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import Any

from ..model.records import Trace

# By path and content: lines of different contents of a file are not the same lines.
Bitmaps = dict[tuple[str, str], int]


class WindowHistory:
    """What the windows of a run executed, one after the other, so that a summary costs what is new since the last.

    All that was executed before the last window is kept as one set of lines, and of each window a digest of its own.
    """

    def __init__(self) -> None:
        self.mark: Hashable = None
        """For the caller's use: of all windows together, as that of :meth:`put` is of one."""
        self._known: Bitmaps = {}
        self._known_traces: set[Any] = set()
        # The digest of each window's lines, and what it was made from.
        self._digests: dict[int, tuple[Hashable, str]] = {}
        self._windows: dict[str, set[int]] = {}

    @property
    def known_traces(self) -> Collection[Any]:
        """The ids of the traces that :meth:`add_before` has got."""
        return self._known_traces

    def add_before(self, traces: Mapping[Any, Trace]) -> None:
        """Add traces, by id, that were left before the last window."""
        _add(self._known, traces.values())
        self._known_traces.update(traces)

    def changed(self, marks: Mapping[int, Hashable]) -> list[int]:
        """The windows whose mark is another than the one that :meth:`put` got for them."""
        return [window for window, mark in marks.items() if self._digests.get(window, (None,))[0] != mark]

    def put(self, window: int, mark: Hashable, traces: Iterable[Trace]) -> None:
        """Set what ``window`` executed; ``mark`` is another one when that changes."""
        _, before = self._digests.get(window, (None, ""))
        self._windows.get(before, set()).discard(window)
        digest = _digest(_executed(traces))
        self._digests[window] = mark, digest
        if digest:
            self._windows.setdefault(digest, set()).add(window)

    def same_as(self, traces: Iterable[Trace], but: int) -> set[int]:
        """The windows other than ``but`` that executed the very lines of ``traces``; none if these are none."""
        return self._windows.get(_digest(_executed(traces)), set()) - {but}

    def count(self, traces: Iterable[Trace]) -> dict[str, int]:
        """How many files and lines ``traces`` have, and lines that were not executed before the last window."""
        executed = _executed(traces)
        return {
            "files": len({path for path, _ in executed}),
            "lines": _count(executed),
            "new_lines": _count({file: lines & ~self._known.get(file, 0) for file, lines in executed.items()}),
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
    """The same for the same lines; empty for none."""
    digest = hashlib.sha256()
    for (path, content), lines in sorted(executed.items()):
        digest.update(f"{path}\0{content}\0{lines:x}\n".encode("utf-8", "surrogatepass"))
    return digest.hexdigest() if executed else ""


def _count(bitmaps: Mapping[tuple[str, str], int]) -> int:
    return sum(lines.bit_count() for lines in bitmaps.values())
