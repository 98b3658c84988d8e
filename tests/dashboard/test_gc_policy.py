"""The times of full garbage collections in relation to the dashboard's work."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_livecoverage.dashboard import gc_policy
from flask_livecoverage.dashboard.background import Background


class TestGarbage:
    """``gc.callbacks`` report full collections: those of generation 2."""

    @pytest.fixture
    def collections(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The names of the threads that ran full collections, in order."""
        found: list[str] = []

        def collects(phase: str, info: dict[str, Any]) -> None:
            if phase == "start" and info["generation"] == 2:
                found.append(threading.current_thread().name)

        thresholds = gc.get_threshold()
        gc.collect()
        # Low thresholds, so that a few objects are enough to trigger a collection.
        monkeypatch.setattr(gc_policy, "WANTED_AFTER", 100)
        gc.set_threshold(10, 2, thresholds[2])
        gc.callbacks.append(collects)
        yield found
        gc.callbacks.remove(collects)
        gc.set_threshold(*thresholds)

    def work(self) -> None:
        # Python collects old objects only if there are many more of them than before.
        held = []
        for _ in range(300_000):
            circle: list[Any] = []
            circle.append(circle)
            held.append(circle)

    def test_no_full_collections_during_work(self, collections: list[str]) -> None:
        """Python itself would run several of them, so this fails without `postpone_collections`."""
        gc_policy.postpone_collections()
        with gc_policy.working():
            background = Background(lambda report: self.work(), lambda: "same")
            background.get(30)
            self.work()
            assert collections == []
        assert collections == [threading.current_thread().name]

    def test_no_collection_after_little_work(self, collections: list[str]) -> None:
        gc_policy.postpone_collections()
        with gc_policy.working():
            pass
        assert collections == []
