"""New lines: the lines that each trace was the first to run.

Traces may be added in any order, because several processes record at once and their records are read separately. Each
line belongs to the earliest trace that ran it. The cost of adding a trace depends on the number of lines in the file,
not on the number of traces.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Share:
    """Lines (a bitmap) of a file that ``trace`` was the first to run, at the time ``at``."""

    at: float
    trace: str
    lines: int


@dataclass(slots=True)
class _File:
    base: int = 0
    covered: int = 0
    shares: list[Share] = field(default_factory=list)


class NewLines:
    """The lines of each file, each with the trace that was the first to run it."""

    def __init__(self) -> None:
        self._files: dict[Hashable, _File] = {}

    def add_base(self, file: Hashable, lines: int) -> None:
        """Add ``lines`` of ``file`` that ran before all traces, and so belong to no trace."""
        found = self._files.setdefault(file, _File())
        found.base |= lines
        found.covered |= lines
        for share in found.shares:
            share.lines &= ~lines
        found.shares = [share for share in found.shares if share.lines]

    def add(self, file: Hashable, trace: str, at: float, lines: int) -> None:
        """Add ``lines`` of ``file`` that ``trace`` ran at ``at``.

        If two traces have the same time, the one added last counts as the earlier.
        """
        found = self._files.setdefault(file, _File())
        new = lines & ~found.base
        # No two shares have a line in common, so their order does not matter.
        for share in found.shares:
            if share.at < at:
                new &= ~share.lines
            else:
                share.lines &= ~new
        if new:
            found.covered |= new
            found.shares = [share for share in found.shares if share.lines]
            found.shares.append(Share(at, trace, new))

    def covered(self, file: Hashable) -> int:
        """All lines of ``file`` that ran."""
        found = self._files.get(file)
        return 0 if found is None else found.covered

    def shares(self, file: Hashable) -> Iterator[Share]:
        """The traces' shares of ``file``, in no particular order."""
        found = self._files.get(file)
        return iter(()) if found is None else iter(found.shares)
