"""Tests of ast_guard: trees are built although other threads parse meanwhile, also on a Python with the fault."""

from __future__ import annotations

import ast
import gc
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flask_livecoverage.exports.reports import Reports, open_reports
from flask_livecoverage.journal import reader
from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Run, Trace
from flask_livecoverage.sources.ast_guard import parsing
from flask_livecoverage.sources.content import content_hash
from flask_livecoverage.sources.coveragepy import StatementAnalyser
from flask_livecoverage.sources.functions import functions_in

# A module of some size, so that many objects are created while it is parsed, and garbage is collected.
SOURCE = inspect.getsource(reader)


@contextmanager
def parsed_meanwhile() -> Iterator[None]:
    """Parse something else whenever garbage is collected, as other threads do that run then."""

    def parse(phase: str, info: dict[str, int]) -> None:
        ast.parse("1 + 1")

    thresholds = gc.get_threshold()
    gc.callbacks.append(parse)
    gc.set_threshold(5)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(parse)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "application.py"
    path.write_text(SOURCE, "utf-8")
    return path


@pytest.mark.skipif(sys.version_info >= (3, 11, 8), reason="Python has the fault before 3.11.8 only")
def test_fault_is_reproduced() -> None:
    """Otherwise the other tests here would not prove anything."""
    with pytest.raises(SystemError, match="recursion depth mismatch"), parsed_meanwhile():
        ast.parse(SOURCE)


def test_functions() -> None:
    with parsed_meanwhile():
        found = functions_in(SOURCE.encode())
    assert "read_run" in [function.name for function in found]


def test_statements(path: Path) -> None:
    analyser = StatementAnalyser()
    with parsed_meanwhile():
        assert analyser.analyse(str(path)).statements


@pytest.mark.parametrize("report", [Reports.text, Reports.xml, Reports.lcov, Reports.json, Reports.html_zip])
def test_reports(path: Path, report: Callable[[Reports], str | bytes]) -> None:
    trace = Trace.of({str(path): FileLines(content_hash(str(path)), to_bitmap([1, 3]))})
    with open_reports([Run("run", [], [], {trace.id: trace}, ambient=[trace.id])]) as reports, parsed_meanwhile():
        assert report(reports)


def test_garbage_collection_is_restored() -> None:
    """Also after overlapping blocks, but not if the application has disabled it."""
    with parsing(), parsing():
        pass
    assert gc.isenabled()
    with pytest.raises(SyntaxError), parsing():
        ast.parse("?")
    assert gc.isenabled()
    gc.disable()
    try:
        with parsing():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
