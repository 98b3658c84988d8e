"""The changed statements of a file, compared with coverage.py's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_livecoverage.analysis.patch import changed_statements
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.records import FileStatements
from flask_livecoverage.sources.coveragepy import StatementAnalyser

SOURCE = '''
    """A module."""
    import os  # 2


    @property
    def total(  # 6
        prices,
    ):
        # A comment.
        found = sum(  # 10
            prices,
        )
        if DEBUG:  # pragma: no cover
            print(found)
        return """
            text
        """
'''


@pytest.mark.parametrize(
    ("lines", "counted", "continued"),
    [
        ([1, 3, 4, 9], [], []),
        ([2, 5, 6], [2, 5, 6], []),
        ([10, 11], [10], []),
        ([11, 12], [], [10]),
        ([13, 14], [], []),
        ([16], [], [15]),
        (range(1, 100), [2, 5, 6, 10, 15], []),
        ([10**12], [], []),
    ],
)
def test_lines(write_module: Callable[..., Path], lines: list[int], counted: list[int], continued: list[int]) -> None:
    statements = StatementAnalyser().analyse(str(write_module(SOURCE)))
    found = changed_statements(statements, set(lines))
    assert (found.counted, found.continued) == (counted, continued)


@given(
    statements=st.sets(st.integers(1, 60)),
    lines=st.sets(st.integers(1, 70)),
    spans=st.lists(st.integers(1, 4), max_size=9),
)
def test_each_statement_counts_once(statements: set[int], lines: set[int], spans: list[int]) -> None:
    multiline = [
        (first, to_bitmap(range(first, first + span + 1)))
        for first, span in zip(sorted(statements), spans, strict=False)
    ]
    analysis = FileStatements(to_bitmap(statements), multiline=multiline)
    found = changed_statements(analysis, lines)
    assert set(found.counted) == statements & lines
    assert set(found.continued).isdisjoint(lines)
    # The other way round: the statements that lines of a trace belong to.
    reached = set(from_bitmap(analysis.executed(to_bitmap(lines))))
    assert set(found.counted) | set(found.continued) <= reached
