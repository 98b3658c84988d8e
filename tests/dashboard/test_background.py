"""Work in the background: once for each change, with the last result meanwhile."""

from __future__ import annotations

import itertools
import threading
from types import SimpleNamespace

import pytest

from flask_livecoverage.dashboard import background as background_module
from flask_livecoverage.dashboard.background import Background, Progress
from flask_livecoverage.errors import DataError, LiveCoverageError


class TestBackground:
    def test_works_only_when_something_has_changed(self) -> None:
        worked = []
        stamp = ["a"]

        def work(tell: Progress) -> str:
            worked.append(stamp[0])
            return stamp[0]

        background = Background(work, lambda: stamp[0])
        assert background.get(30) == ("a", True)
        assert background.get(30) == ("a", True)
        stamp[0] = "b"
        assert background.get(30) == ("b", True)
        assert worked == ["a", "b"]

    def test_who_cannot_wait_gets_the_last_one(self) -> None:
        gate, stamp = threading.Event(), ["a"]

        def work(tell: Progress) -> str:
            found = stamp[0]
            tell(f"working on {found}")
            assert gate.wait(30)
            return found

        background = Background(work, lambda: stamp[0])
        assert background.get(0) == (None, False)
        gate.set()
        assert background.get(30) == ("a", True)
        gate.clear()
        stamp[0] = "b"
        assert background.get(0) == ("a", False)
        gate.set()
        assert background.get(30) == ("b", True)

    def test_who_comes_late_does_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """What has taken long already takes longer than anybody should wait."""
        gate, now = threading.Event(), 1000.0
        clock = SimpleNamespace(monotonic=lambda: now, thread_time=lambda: 0.0, sleep=lambda seconds: None)
        monkeypatch.setattr(background_module, "time", clock)
        background = Background(lambda tell: gate.wait(60), lambda: "same")
        try:
            assert background.get(0.01) == (None, False)
            now += 3600
            late = threading.Thread(target=lambda: background.get(3600), daemon=True)
            late.start()
            late.join(30)
            assert not late.is_alive()
        finally:
            gate.set()

    def test_rest(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As many times as long as the work took of a processor, but for the first time and but for so long."""
        spent, rests, efforts = 0.0, [], iter([100, 2, 20, 1])

        def work(tell: Progress) -> float:
            nonlocal spent
            spent += next(efforts)
            return spent

        monkeypatch.setattr(background_module, "time", SimpleNamespace(
            monotonic=lambda: 1000.0, thread_time=lambda: spent, sleep=rests.append,
        ))  # fmt: skip
        background = Background(work, itertools.count().__next__)
        assert [background.get(30) for _ in range(4)] == [(100, True), (102, True), (122, True), (123, True)]
        assert rests == [0, 0, 6, 10]

    def test_who_comes_while_nothing_changes(self) -> None:
        """One attempt serves all who have asked until its end."""
        gate, worked = threading.Event(), []

        def work(tell: Progress) -> int:
            assert gate.wait(30)
            worked.append(1)
            return len(worked)

        background = Background(work, lambda: "same")
        assert [background.get(0) for _ in range(3)] == [(None, False)] * 3
        gate.set()
        assert background.get(30) == (1, True)

    def test_faults(self, capfd: pytest.CaptureFixture[str]) -> None:
        faults: list[Exception] = [DataError("broken"), ZeroDivisionError("a fault of ours")]

        def work(tell: Progress) -> str:
            if faults:
                raise faults.pop(0)
            return "well"

        background = Background(work, lambda: "always")
        with pytest.raises(DataError, match="broken"):
            background.get(30)
        with pytest.raises(LiveCoverageError, match="a fault of ours"):
            background.get(30)
        assert "ZeroDivisionError" in capfd.readouterr().err
        assert background.get(30) == ("well", True)

    def test_many_ask_at_once(self) -> None:
        worked = []

        def work(tell: Progress) -> int:
            worked.append(1)
            return len(worked)

        background = Background(work, lambda: "same")
        results: list[tuple[int | None, bool]] = []
        threads = [threading.Thread(target=lambda: results.append(background.get(30))) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [current for _, current in results] == [True] * 20
