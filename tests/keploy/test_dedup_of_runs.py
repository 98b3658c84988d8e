"""``dedupData.yaml`` of a run, which ``keploy.dedup_yaml`` writes."""

from __future__ import annotations

from pathlib import Path

import yaml

from flask_livecoverage.analysis.suite import natural_key
from flask_livecoverage.keploy.dedup_yaml import dedup_yaml
from flask_livecoverage.model.records import Run

from ..support.runs import DEEP, FLAT, make_run, trace


def test_flat_with_sorted_lines(run: Run, source: Path) -> None:
    assert yaml.safe_load(dedup_yaml(run)) == [
        {"id": "login", "executedLinesByFile": {str(source): FLAT}},
        {"id": "run-1", "executedLinesByFile": {str(source): DEEP}},
    ]


def test_nested_where_all_ids_have_a_set(source: Path, tmp_path: Path) -> None:
    requests = [("s-0/t-1", trace(source, FLAT)), ("s-0/t-1", trace(source, DEEP)), ("s-1/t-1", trace(source, [5]))]
    assert yaml.safe_load(dedup_yaml(make_run(*requests, root=tmp_path))) == {
        "s-0": {"t-1": {str(source): [5, 6, 7]}},
        "s-1": {"t-1": {str(source): [5]}},
    }


def test_flat_where_some_ids_have_no_set(source: Path, tmp_path: Path) -> None:
    run = make_run(("s-0/t-1", trace(source, FLAT)), ("t-2", trace(source, DEEP)), root=tmp_path)
    assert [test["id"] for test in yaml.safe_load(dedup_yaml(run))] == ["s-0/t-1", "t-2"]


def test_unusual_names_are_kept(source: Path, tmp_path: Path) -> None:
    names = ["é ✓", "- a: [b", "yes", "1", "a\nb", "x" * 300]
    run = make_run(*((name, trace(source, FLAT)) for name in names), root=tmp_path)
    assert [test["id"] for test in yaml.safe_load(dedup_yaml(run))] == sorted(names, key=natural_key)


def test_empty_run(tmp_path: Path) -> None:
    assert yaml.safe_load(dedup_yaml(make_run(root=tmp_path))) == []
