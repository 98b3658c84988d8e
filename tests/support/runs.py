"""Runs made by hand, of requests whose lines are given, and a source file whose lines they ran."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from flask_livecoverage.model.bitmap import to_bitmap
from flask_livecoverage.model.records import FileLines, Process, RequestRecord, Run, Trace
from flask_livecoverage.sources.content import content_hash

SOURCE = """\
import os


def view(deep):
    if deep:
        return "deep"
    return "flat"


def unused():
    return os.name
"""

STARTUP, FLAT, DEEP = [1, 4, 10], [5, 7], [5, 6]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "app.py"
    path.write_text(SOURCE)
    return path


def trace(path: Path | str, lines: Iterable[int]) -> Trace:
    return Trace.of({str(path): FileLines(content_hash(str(path)), to_bitmap(lines))})


def make_run(
    *requests: tuple[str | None, Trace],
    root: Path,
    ambient: Iterable[Trace] = (),
    source_files: Iterable[Path] = (),
    name: str = "run",
    branch: bool = False,
) -> Run:
    """A run of requests, given by their tests and traces."""
    ambient = list(ambient)
    return Run(
        id=name,
        processes=[Process(1, 1.0, str(root), "ctrace", "", branch, "3")],
        requests=[
            RequestRecord(f"{name}-{n}", trace.id, "GET", f"/{n}", 200, float(n), 1.0, 1, test=test, route="/<int:n>")
            for n, (test, trace) in enumerate(requests)
        ],
        traces={trace.id: trace for trace in (*ambient, *(trace for _, trace in requests))},
        ambient=[trace.id for trace in ambient],
        source_files=list(map(str, source_files)),
    )


@pytest.fixture
def run(source: Path, tmp_path: Path) -> Run:
    return make_run(
        ("login", trace(source, FLAT)),
        (None, trace(source, DEEP)),
        root=tmp_path,
        ambient=[trace(source, STARTUP)],
    )
