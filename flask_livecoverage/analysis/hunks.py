"""Applies the hunks of a diff to a file's content, or takes them back."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..model.changes import DiffLine, FileChange, Hunk


def with_hunks(content: bytes, change: FileChange) -> bytes | None:
    """Return ``content`` after a change; None if it is not the content before it."""
    return _replaced(content, [(hunk.old_start, _lines(hunk, "-"), _lines(hunk, "+")) for hunk in change.hunks])


def without_hunks(content: bytes, change: FileChange) -> bytes | None:
    """Return ``content`` before a change; None if it is not the content after it."""
    return _replaced(content, [(hunk.new_start, _lines(hunk, "+"), _lines(hunk, "-")) for hunk in change.hunks])


def _lines(hunk: Hunk, sign: str) -> list[DiffLine]:
    return [line for line in hunk.lines if line.sign in (" ", sign)]


def _replaced(content: bytes, hunks: Sequence[tuple[int, list[DiffLine], list[DiffLine]]]) -> bytes | None:
    # Not at Python's other line ends, such as form feeds.
    lines = re.findall("[^\n]*\n|[^\n]+", content.decode("utf-8", "surrogateescape"))
    result: list[str] = []
    position = 0
    for start, there, instead in hunks:
        # A side without lines has the number of the line before.
        begin = start - 1 if there else start
        end = begin + len(there)
        if begin < position or end > len(lines):
            return None
        if any(_bare(line) != _bare(expected.text) for line, expected in zip(lines[begin:end], there, strict=True)):
            return None
        result += [*lines[position:begin], *(line.text for line in instead)]
        position = end
    return "".join([*result, *lines[position:]]).encode("utf-8", "surrogateescape")


def _bare(line: str) -> str:
    # Tools convert line ends.
    return line.rstrip("\r\n")
