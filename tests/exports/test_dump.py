"""The JSON of a dump."""

from __future__ import annotations

from pathlib import Path

from flask_livecoverage.exports.dump import dump_object
from flask_livecoverage.exports.reports import open_reports

from ..support.runs import DEEP, FLAT, SOURCE, make_run, trace


def test_dump_has_paths_from_the_runs_root(source: Path, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    inner = tmp_path / "package" / "inner.py"
    inner.write_text(SOURCE)
    root = tmp_path / "package"
    run = make_run((None, trace(source, FLAT) | trace(inner, DEEP)), root=root)
    with open_reports([run]) as reports:
        document = dump_object(run, reports, recording=False)
    assert document["files"].keys() == {str(source), "inner.py"}
    assert list(document["traces"].values()) == [{str(source): FLAT, "inner.py": DEEP}]
