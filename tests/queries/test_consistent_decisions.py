"""The answers by which people decide, of the command and of the dashboard: the runs, and what to test next.

Tests ``dashboard.ranking``.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flask_livecoverage.sources.coveragepy import StatementAnalyser

from ..support.processes import Ask
from .shop import Shop, recorded_shop


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Shop]:
    with recorded_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture(autouse=True)
def _folder_of_the_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)


def test_runs(shop: Shop, ask: Ask) -> None:
    page = shop.page("ui/runs").table("runs")[1:]
    (run,) = ask("runs")
    (cells,) = page
    percent = StatementAnalyser().percent(round(run["percent"]), 100)
    assert cells[1].startswith(run["id"])
    assert cells[3:6] == [str(run["tests"]), str(run["requests"]), f"{percent}%"]
    assert cells[6:] == [f"{run['bytes'] / 1024:.1f} KiB", f"live{run['failed']} failed"]


def test_priorities(shop: Shop, ask: Ask) -> None:
    answer = ask("priorities")
    page = shop.page("ui/priorities")
    rows = page.table("priorities")[1:]
    assert [row[:4] for row in rows] == [
        [one["route"], str(one["requests"]), f"{100 * one['share']:.1f} %", str(one["uncovered"])]
        for one in answer["priorities"]
    ]
    assert [row[4] for row in rows] == [
        "".join(f"{gap['function']}{gap['file']}:{', '.join(map(str, gap['missing_lines']))}" for gap in one["gaps"])
        for one in answer["priorities"]
    ]
    assert rows, "the cart has a gap"
    assert page.text("never") == "".join(answer["never_hit"])
