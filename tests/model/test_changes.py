"""Changes of files as data: numbers of lines, blocks, and whether a diff fits a file."""

from __future__ import annotations

import difflib
from itertools import pairwise

import pytest
from hypothesis import given

from flask_livecoverage.model.changes import DiffLine, FileChange, Hunk

from ..support.strategies import contents


def change_of(old: str, new: str) -> FileChange:
    """The change by Python's own comparison, as one hunk with all lines."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    lines: list[DiffLine] = []
    for tag, first, last, start, end in difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if tag == "equal":
            lines += [
                DiffLine(" ", text, first + number + 1, start + number + 1)
                for number, text in enumerate(before[first:last])
            ]
        else:
            lines += [DiffLine("-", text, first + number + 1) for number, text in enumerate(before[first:last])]
            lines += [DiffLine("+", text, None, start + number + 1) for number, text in enumerate(after[start:end])]
    return FileChange("app.py", "app.py", "modified", hunks=[Hunk(1, 1, lines)])


@given(contents, contents)
def test_lines_of_both_sides(old: str, new: str) -> None:
    change = change_of(old, new)
    before, after = (dict(enumerate(content.splitlines(keepends=True), 1)) for content in (old, new))
    assert change.added().items() <= after.items()
    assert change.removed().items() <= before.items()
    assert len(before) - len(change.removed()) == len(after) - len(change.added())


@given(contents, contents)
def test_fits_the_new_content_alone(old: str, new: str) -> None:
    change = change_of(old, new)
    assert change.fits(new.encode("utf-8", "surrogateescape"))
    assert change.fits(new.replace("\r\n", "\n").encode("utf-8", "surrogateescape"))
    assert not change.added() or not change.fits(b"")


@given(contents, contents)
def test_blocks(old: str, new: str) -> None:
    (hunk,) = change_of(old, new).hunks
    blocks = list(hunk.blocks())
    assert [line for block in blocks for line in block] == list(hunk.lines)
    assert all(len({line.sign for line in block}) == 1 for block in blocks)
    assert all(first[0].sign != second[0].sign for first, second in pairwise(blocks))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"a\nb\n", True),
        (b"a\nb", True),
        (b"a\r\nb\r\n", True),
        (b"b\na\n", False),
        (b"a\n", False),
        (b"a\n b\n", False),
    ],
)
def test_fits(content: bytes, expected: bool) -> None:
    hunk = Hunk(1, 1, [DiffLine(" ", "a\n", 1, 1), DiffLine("-", "x\n", 2), DiffLine("+", "b\n", None, 2)])
    assert FileChange("app.py", "app.py", "modified", hunks=[hunk]).fits(content) == expected
