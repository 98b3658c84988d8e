"""A unified diff as data: the files that it changes, their hunks, and the lines of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Sign = Literal["+", "-", " "]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a hunk: added (``+``), removed (``-``) or unchanged.

    ``old`` and ``new`` are its numbers before and after; None on the side that does not have it. ``text`` contains its
    line end, unless the file ends without one.
    """

    sign: Sign
    text: str
    old: int | None = None
    new: int | None = None


@dataclass(frozen=True, slots=True)
class Hunk:
    """Consecutive lines of a file. A side without lines has as its start the number of the line before."""

    old_start: int
    new_start: int
    lines: Sequence[DiffLine]

    def blocks(self) -> Iterator[list[DiffLine]]:
        """The runs of lines with the same sign."""
        block: list[DiffLine] = []
        for line in self.lines:
            if block and block[-1].sign != line.sign:
                yield block
                block = []
            block.append(line)
        if block:
            yield block


@dataclass(frozen=True, slots=True)
class FileChange:
    """The change of one file.

    ``path`` is its path after the change, or before it if the file is deleted; relative paths are written with slashes.
    ``old_path`` is None if there was no such file. ``kind`` is what the path refers to; only ``text`` has hunks.
    ``other_names`` are further paths that the diff may mean, because not all tools write where a name begins.
    ``has_other_mode`` is true if the file has become executable, or is that no more.
    """

    path: str
    old_path: str | None
    status: Literal["added", "copied", "deleted", "modified", "renamed"]
    kind: Literal["text", "binary", "link", "submodule"] = "text"
    hunks: Sequence[Hunk] = ()
    other_names: Sequence[str] = ()
    has_other_mode: bool = False

    def added(self) -> dict[int, str]:
        """The added lines by their numbers after the change."""
        return {line.new: line.text for line in self._lines() if line.sign == "+" and line.new is not None}

    def removed(self) -> dict[int, str]:
        """The removed lines by their numbers before the change."""
        return {line.old: line.text for line in self._lines() if line.sign == "-" and line.old is not None}

    def fits(self, content: bytes) -> bool:
        """True if ``content`` has the lines that the diff shows after the change; their line ends may differ."""
        lines = content.removesuffix(b"\n").decode("utf-8", "surrogateescape").split("\n") if content else []
        return all(
            line.new <= len(lines) and lines[line.new - 1].rstrip("\r") == line.text.rstrip("\r\n")
            for line in self._lines()
            if line.new is not None
        )

    def _lines(self) -> Iterator[DiffLine]:
        return (line for hunk in self.hunks for line in hunk.lines)


Diff = Sequence[FileChange]
