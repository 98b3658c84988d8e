"""Statements that were not executed: under the user's configuration, in files that have not changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.statements import read_statements
from flask_livecoverage.sources.content import content_hash

SOURCE = """
    def f(n):
        if n:
            return (
                1
            )
        raise ValueError(n)
"""


@pytest.fixture
def source(write_module: Callable[..., Path]) -> Path:
    return write_module(SOURCE, "source")


def trace(path: str, content: str, *lines: int) -> Trace:
    return Trace.of({path: FileLines(content, to_bitmap(lines))})


def test_traces_together(source: Path) -> None:
    path, content = str(source), content_hash(str(source))
    start, first = trace(path, content, 1), trace(path, content, 2, 3, 4)
    found = read_statements([start, first])
    assert from_bitmap(found.all[path]) == [1, 2, 3, 6]
    assert from_bitmap(found.missing[path]) == [6]
    assert found.executed == {start.id: {path: to_bitmap([1])}, first.id: {path: to_bitmap([2, 3, 4])}}
    assert found.warnings == []


def test_changed_and_missing_files(source: Path) -> None:
    path = str(source)
    old, gone = trace(path, "another", 1, 2), trace("/gone.py", "content", 1)
    # It is left out, even when named as one more file to report on, because nothing is recorded of its present content.
    found = read_statements([old, gone], [path])
    assert (found.all, found.missing) == ({}, {})
    assert found.executed == {old.id: {}, gone.id: {}}
    assert found.warnings == [
        f"{path} has changed since its lines were recorded: those are left out",
        "/gone.py has been removed since its lines were recorded: those are left out",
    ]


def test_files_that_were_not_recorded(source: Path) -> None:
    found = read_statements([], [str(source)])
    assert from_bitmap(found.missing[str(source)]) == [1, 2, 3, 6]


def test_nothing() -> None:
    found = read_statements([])
    assert (found.all, found.missing, found.executed, found.warnings) == ({}, {}, {}, [])


@pytest.mark.parametrize("configuration", ["[run]\nbranch = true\n", "[run]\nrelative_files = true\n"])
def test_configuration_of_the_measurement_makes_no_difference(source: Path, configuration: str) -> None:
    Path(".coveragerc").write_text(configuration)
    path = str(source)
    found = read_statements([trace(path, content_hash(path), 1, 2, 6)])
    assert from_bitmap(found.missing[path]) == [3]


def test_exclusions(source: Path) -> None:
    Path(".coveragerc").write_text("[report]\nexclude_also =\n    raise ValueError\n")
    path = str(source)
    found = read_statements([trace(path, content_hash(path), 1)])
    assert from_bitmap(found.missing[path]) == [2, 3]


def test_recorded_elsewhere(source: Path, tmp_path: Path) -> None:
    """For example in a container; the configuration maps its paths to those here."""
    Path(".coveragerc").write_text(f"[paths]\nsource =\n    {tmp_path}\n    /container/\n")
    path = str(source)
    there = trace("/container/source.py", content_hash(path), 1, 2, 6)
    found = read_statements([there])
    assert from_bitmap(found.missing[path]) == [3]
    assert found.executed == {there.id: {path: to_bitmap([1, 2, 6])}}
