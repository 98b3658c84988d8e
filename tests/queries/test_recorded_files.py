"""The statements of a run's files as they were: compared with coverage.py's own analysis and reports."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import coverage
import pytest

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.bitmap import from_bitmap, to_bitmap
from flask_livecoverage.model.contents import hash_of
from flask_livecoverage.model.records import FileLines, Trace
from flask_livecoverage.queries.recorded_files import RecordedFiles, recorded_files, texts_of
from flask_livecoverage.sources.coveragepy import StatementAnalyser
from flask_livecoverage.store import RunQueries, Store, open_store, store_url

from ..support.journals import Writer, run_folder

SOURCE = """
    import os


    def f(n):
        if n:
            return (
                1
            )
        raise ValueError(n)  # pragma: no cover
"""
OTHER = "def g():\n    return 2\n"


@pytest.fixture
def source(write_module: Callable[..., Path]) -> Path:
    return write_module(SOURCE, "source")


@pytest.fixture
def idle(write_module: Callable[..., Path]) -> Path:
    return write_module(OTHER, "idle")


@pytest.fixture
def folder(source: Path, idle: Path) -> RunFolder:
    writer = Writer(run_folder(), "1a")
    content = hash_of(source.read_bytes())
    writer.line("sources", files=[str(source), str(idle)])
    started = Trace.of({str(source): FileLines(content, to_bitmap([1, 4]))})
    writer.trace(started)
    writer.line("ambient", trace=started.id)
    writer.request(Trace.of({str(source): FileLines(content, to_bitmap([5, 6, 7]))}), 1_700_000_000.0, test="a")
    return writer.folder


@contextmanager
def opened(folder: RunFolder) -> Iterator[tuple[Store, RunQueries]]:
    with open_store(store_url(Path(".livecov"), None)) as store, store.recorded([store.sync(folder)]) as queries:
        yield store, queries


def read(folder: RunFolder) -> RecordedFiles:
    with opened(folder) as (store, queries):
        return recorded_files(store, queries, StatementAnalyser())


def test_as_coverage_counts(folder: RunFolder, source: Path, idle: Path) -> None:
    found = read(folder)
    measure = coverage.Coverage(data_file=None)
    for path in (source, idle):
        _, statements, excluded, _, _ = measure.analysis2(str(path))
        assert from_bitmap(found.files[str(path)].statements) == statements
        assert from_bitmap(found.files[str(path)].analysis.excluded) == excluded
    assert from_bitmap(found.files[str(source)].executed) == [1, 4, 5, 6]
    assert (found.files[str(idle)].executed, found.unknown) == (0, {})
    assert (found.executed, found.statements) == (4, 6)


def test_after_the_files_have_changed(folder: RunFolder, source: Path, idle: Path) -> None:
    before = read(folder)
    source.write_text("x = 1\n")
    idle.unlink()
    assert read(folder) == before
    with opened(folder) as (store, queries):
        files = recorded_files(store, queries, StatementAnalyser()).files.values()
        assert texts_of(queries, files)[hash_of(OTHER.encode())] == OTHER.encode()


def test_changed_before_they_were_read(folder: RunFolder, source: Path) -> None:
    source.write_text("x = 1\n")
    found = read(folder)
    assert found.unknown.keys() == {str(source)}
    assert "was not kept" in found.unknown[str(source)]


def test_file_that_is_no_python(folder: RunFolder, idle: Path) -> None:
    idle.write_text("def (:\n")
    # Not edited after the run.
    os.utime(idle, (1, 1))
    found = read(folder)
    assert found.unknown.keys() == {str(idle)}
    assert "\n" not in found.unknown[str(idle)]
    assert str(idle) in found.unknown[str(idle)]


def test_files_that_the_configuration_omits(folder: RunFolder, source: Path) -> None:
    Path(".coveragerc").write_text("[report]\nomit = */idle.py\n")
    assert read(folder).files.keys() == {str(source)}
