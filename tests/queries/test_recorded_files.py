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
from flask_livecoverage.queries.recorded_files import RecordedFiles, recorded_files, texts_of, unexecuted_files
from flask_livecoverage.sources.content import EDITED
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
    measure.get_data().close(force=True)
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


class TestSeveralContents:
    @pytest.fixture
    def writer(self, source: Path) -> Writer:
        """A file that was edited, and then edited back."""
        writer = Writer(run_folder(), "1a")
        for content, lines in ((hash_of(source.read_bytes()), [1, 5]), (hash_of(b"x = 1\n"), [1])):
            writer.request(Trace.of({str(source): FileLines(content, to_bitmap(lines))}), 1.0)
        return writer

    def test_the_present_one_counts(self, writer: Writer, source: Path) -> None:
        assert from_bitmap(read(writer.folder).files[str(source)].executed) == [1, 5]

    def test_else_the_last_one(self, writer: Writer, source: Path) -> None:
        source.write_text("x = 1\n")
        read(writer.folder)
        source.write_text("y = 1\n")
        assert from_bitmap(read(writer.folder).files[str(source)].executed) == [1]

    def test_unknown_ones_do_not_count_beside_known_ones(self, writer: Writer, source: Path) -> None:
        for content in (EDITED, ""):
            writer.request(Trace.of({str(source): FileLines(content, to_bitmap([6]))}), 2.0)
        assert from_bitmap(read(writer.folder).files[str(source)].executed) == [1, 5]


class TestWithoutKnownContent:
    def record(self, path: Path | str, content: str) -> RecordedFiles:
        writer = Writer(run_folder(), "1a")
        writer.request(Trace.of({str(path): FileLines(content, to_bitmap([1]))}), 1.0)
        return read(writer.folder)

    def test_edited_before_it_was_recorded(self, source: Path) -> None:
        assert self.record(source, EDITED).unknown == {str(source): "has changed since its lines were recorded"}

    def test_newer_than_its_code(self, source: Path) -> None:
        assert self.record(source, "").unknown == {str(source): "did not exist when its lines ran"}

    def test_name_that_was_made_up(self) -> None:
        """Code may be compiled with any name. No file is missing."""
        assert self.record("/templates/made_up", "") == RecordedFiles({}, {})


def test_unexecuted(folder: RunFolder, source: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def (:\n")
    paths = [str(tmp_path / name) for name in ("source.py", "bad.py", "none.py")]
    Path(".coveragerc").write_text("[report]\nomit = */none.py\n")
    with opened(folder) as (store, queries):
        found = unexecuted_files(store, queries, StatementAnalyser(), [*paths, str(source)])
        before = recorded_files(store, queries, StatementAnalyser())
    assert found.files[str(source)].executed == 0
    assert found.files[str(source)].statements == before.files[str(source)].statements
    assert found.unknown.keys() == {paths[1]}
