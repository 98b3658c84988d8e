"""A change, and the tests that it can reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass(frozen=True)
class Reach:
    """The tests that a change can affect: all, those that ran certain lines, or those that ran anything in a module.

    ``lines`` are bitmaps by path, of the recorded content. ``modules`` are paths: what counts is anything that a test
    ran in them, or in the modules that import them, directly or not. An empty reach selects none.
    """

    everything: bool = False
    lines: Mapping[str, int] = field(default_factory=dict)
    modules: frozenset[str] = frozenset()

    NONE: ClassVar[Reach]
    ALL: ClassVar[Reach]

    def __bool__(self) -> bool:
        return self.everything or bool(self.modules) or any(self.lines.values())

    def __or__(self, other: Reach) -> Reach:
        if self.everything or other.everything:
            return Reach.ALL
        lines = dict(self.lines)
        for path, bitmap in other.lines.items():
            lines[path] = lines.get(path, 0) | bitmap
        return Reach(False, lines, self.modules | other.modules)

    @classmethod
    def of_lines(cls, path: str, bitmap: int) -> Reach:
        """The tests that ran any of these lines."""
        return cls(lines={path: bitmap})

    @classmethod
    def of_module(cls, path: str) -> Reach:
        """The tests that ran anything in a module, or in modules that import it."""
        return cls(modules=frozenset({path}))


Reach.NONE = Reach()
Reach.ALL = Reach(everything=True)


def united(reaches: Iterable[Reach]) -> Reach:
    """The tests that any of ``reaches`` selects."""
    together = Reach.NONE
    for reach in reaches:
        together |= reach
    return together


@dataclass(frozen=True)
class Change:
    """A change of a file, and its reach.

    ``lines`` are those of the recorded content, or of the new one if the recorded one has nothing there. ``reason`` is
    for people.
    """

    path: str
    lines: tuple[int, ...]
    reason: str
    reach: Reach
