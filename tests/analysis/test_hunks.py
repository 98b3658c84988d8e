from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.hunks import with_hunks, without_hunks
from flask_livecoverage.model.changes import FileChange
from flask_livecoverage.repository.diffs import parse_diff

# Few, so that hunks move and lines repeat; Python's other line ends are none in a diff.
contents = st.lists(st.sampled_from(["a\n", "b\n", "c\x0c\n", "é\r\n", "\n"]), max_size=12).map("".join)


def change(old: str, new: str, context: int = 1) -> FileChange:
    lines = (text.split("\n") for text in (old, new))
    before, after = ([f"{line}\n" for line in side[:-1]] + ([side[-1]] if side[-1] else []) for side in lines)
    diff = "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
        for line in difflib.unified_diff(before, after, "a/x", "b/x", n=context)
    )
    return parse_diff(diff.encode())[0]


@given(contents, contents, st.integers(0, 3), st.sampled_from(["", "end"]), st.sampled_from(["", "end"]))
def test_both_ways(old: str, new: str, context: int, old_end: str, new_end: str) -> None:
    """Of diffs that Python's difflib makes."""
    old, new = old + old_end, new + new_end
    if old != new:
        found = change(old, new, context)
        assert with_hunks(old.encode(), found) == new.encode()
        assert without_hunks(new.encode(), found) == old.encode()


@pytest.mark.parametrize("content", ["", "a\nx\nc\n", "a\n", "b\nc\n"])
def test_other_contents(content: str) -> None:
    found = change("a\nb\nc\n", "a\nd\nc\n")
    assert with_hunks(content.encode(), found) is None
    assert without_hunks(content.encode(), found) is None


def test_line_ends_may_differ() -> None:
    assert with_hunks(b"a\r\nb\r\n", change("a\nb\n", "a\nc\n")) == b"a\nc\n"
