"""The lines that count: all recorded ones, or the statements of files that have not changed."""

from __future__ import annotations

from dataclasses import dataclass

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, FileStatements, Trace
from flask_livecoverage.queries.counted_lines import as_recorded, statements_of


@dataclass(frozen=True)
class File:
    path: str
    content: str
    analysis: FileStatements


# Lines 2 to 4 are one statement, line 5 is excluded.
SHOP = File("/shop.py", "now", FileStatements(to_bitmap([1, 2, 6]), to_bitmap([5]), [(2, to_bitmap([2, 3, 4]))]))


def trace(**contents: str) -> Trace:
    return Trace.of({f"/{name}.py": FileLines(content, to_bitmap([1, 3, 5])) for name, content in contents.items()})


def test_statements() -> None:
    recorded = trace(shop="now")
    selected = statements_of({SHOP.path: SHOP})(recorded)
    assert selected.line_numbers() == {"/shop.py": [1, 2]}
    assert selected.id == recorded.id


def test_changed_and_unknown_files_are_left_out() -> None:
    assert statements_of({SHOP.path: SHOP})(trace(shop="before", other="now")).files == {}


def test_as_recorded() -> None:
    assert as_recorded(trace(shop="before")) == trace(shop="before")
