"""When Python looks for garbage while figures are worked out."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_livecoverage.dashboard import gc_policy
from flask_livecoverage.dashboard.background import Background


class TestGarbage:
    """Python tells of its full collections: they are of generation 2."""

    @pytest.fixture
    def collections(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
        """The names of the threads that a full collection has kept busy, one after the other."""
        found: list[str] = []

        def collects(phase: str, info: dict[str, Any]) -> None:
            if phase == "start" and info["generation"] == 2:
                found.append(threading.current_thread().name)

        thresholds = gc.get_threshold()
        gc.collect()
        # All comes sooner, so that less garbage makes the test.
        monkeypatch.setattr(gc_policy, "_WANTED_AFTER", 100)
        gc.set_threshold(10, 2, thresholds[2])
        gc.callbacks.append(collects)
        yield found
        gc.callbacks.remove(collects)
        gc.set_threshold(*thresholds)

    def work(self) -> None:
        # Python leaves old objects alone unless there are many more of them than before.
        held = []
        for _ in range(300_000):
            circle: list[Any] = []
            circle.append(circle)
            held.append(circle)

    def test_while_something_is_worked_out(self, collections: list[str]) -> None:
        """Python alone would look through everything, often: seen by leaving out `put_off`."""
        gc_policy.put_off()
        with gc_policy.working():
            background = Background(lambda tell: self.work(), lambda: "same")
            background.get(30)
            self.work()
            assert collections == []
        assert collections == [threading.current_thread().name]

    def test_not_for_a_little(self, collections: list[str]) -> None:
        gc_policy.put_off()
        with gc_policy.working():
            pass
        assert collections == []
