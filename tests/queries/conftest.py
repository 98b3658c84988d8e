"""Fixtures: commands that answer with a table, and the recorded run of :mod:`.shop`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .answers import table
from .shop import Shop, recorded_shop

__all__ = ["table"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, _no_settings: None) -> Iterator[Shop]:
    with recorded_shop(tmp_path_factory.mktemp("shop")) as shop:
        yield shop


@pytest.fixture
def folder_of_the_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop.folder)
