"""The requests that executed a line, of files with several contents in one run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.filters import Filters
from flask_livecoverage.model.records import FileStatements
from flask_livecoverage.queries.line_hits import (
    count_hits,
    find_line,
    recorded_files,
    users_of_file,
    who_executed,
    who_executed_in,
)
from flask_livecoverage.queries.stored_runs import open_stored_runs
from flask_livecoverage.sources.content import content_hash
from flask_livecoverage.store import RunQueries

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
OLD = "one = 1\ntwo = 2\n"
NEW = "import os\n\nthree = 3\n"


@dataclass(frozen=True)
class File:
    """A file as the dashboard passes it."""

    path: str
    content: str
    analysis: FileStatements
    number: int | None
    covered: int


@pytest.fixture
def source(write_module: Callable[..., Path]) -> Path:
    """A file whose line 1 ran in two tests, each with another content of it; the file on disk has the newer one."""
    path = write_module(OLD, "edited")
    writer = Writer(run_folder(), "aaaaaaaa", root=str(path.parent))
    writer.request(trace_of({str(path): [1, 2]}, content=content_hash(str(path))), NOW, test="before")
    path.write_text(NEW)
    writer.request(trace_of({str(path): [1, 3]}, content=content_hash(str(path))), NOW + 1, test="after")
    return path


@contextmanager
def recorded(path: Path) -> Iterator[RunQueries]:
    with open_stored_runs(path.parent / ".livecov", [run_folder()], None) as runs:
        yield runs.queries


def names_of_tests(found: RunQueries, path: Path, line: int) -> list[str]:
    return [test for test, _ in who_executed(found, find_line(found, str(path), line)).tests]


def test_lines_of_the_content_that_is_here(source: Path) -> None:
    with recorded(source) as found:
        assert names_of_tests(found, source, 1) == names_of_tests(found, source, 3) == ["after"]
        assert find_line(found, str(source), 2).state == "no statement"


def test_lines_of_any_content_where_none_of_them_is_here(source: Path) -> None:
    source.write_text("now = 4\n")
    with recorded(source) as found:
        assert find_line(found, str(source), 1).content is None
        assert names_of_tests(found, source, 1) == ["after", "before"]
        assert names_of_tests(found, source, 2) == ["before"]


def test_page_of_a_file_shows_the_same(source: Path) -> None:
    with recorded(source) as found:
        numbers = {content: number for number, (_, content) in found.lines.contents().items()}
        content = content_hash(str(source))
        file = File(str(source), content, FileStatements(to_bitmap([1, 3])), numbers[content], to_bitmap([1, 3]))
        assert count_hits(found, file, Filters(), "requests").counts == {1: 1, 3: 1}
        assert [test for test, _ in who_executed_in(found, file, 1).tests] == ["after"]
        assert users_of_file(found, file).tests == ["after"]


def test_content_that_never_ran(source: Path) -> None:
    """No request ran a line of it, although lines with these numbers ran in an earlier content."""
    source.write_text("now = 4\n")
    file = File(str(source), content_hash(str(source)), FileStatements(to_bitmap([1])), None, 0)
    with recorded(source) as found:
        assert who_executed_in(found, file, 1).requests == 0
        assert (count_hits(found, file, Filters(), "tests").executed, users_of_file(found, file).tests) == (0, ())


def test_files(source: Path) -> None:
    with recorded(source) as found:
        assert recorded_files(found, "edited.py") == [str(source)]
        assert recorded_files(found, str(source)) == [str(source)]
        assert recorded_files(found, "dited.py") == []
