"""Work in the background: once for each change; until it is done, the last result remains."""

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

        def work(report: Progress) -> str:
            worked.append(stamp[0])
            return stamp[0]

        background = Background(work, lambda: stamp[0])
        assert background.get(30) == ("a", True)
        assert background.get(30) == ("a", True)
        stamp[0] = "b"
        assert background.get(30) == ("b", True)
        assert worked == ["a", "b"]

    def test_without_waiting_returns_the_last_result(self) -> None:
        gate, stamp = threading.Event(), ["a"]

        def work(report: Progress) -> str:
            found = stamp[0]
            report(f"working on {found}")
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

    def test_late_request_does_not_wait(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The time to wait is over already when work has taken long."""
        gate, now = threading.Event(), 1000.0
        clock = SimpleNamespace(monotonic=lambda: now, thread_time=lambda: 0.0, sleep=lambda seconds: None)
        monkeypatch.setattr(background_module, "time", clock)
        background = Background(lambda report: gate.wait(60), lambda: "same")
        try:
            assert background.get(0.01) == (None, False)
            now += 3600
            late = threading.Thread(target=lambda: background.get(3600), daemon=True)
            late.start()
            late.join(30)
            assert not late.is_alive()
        finally:
            gate.set()

    def test_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A multiple of the work's processor time; none after the first result, and limited."""
        spent, pauses, efforts = 0.0, [], iter([100, 2, 20, 1])

        def work(report: Progress) -> float:
            nonlocal spent
            spent += next(efforts)
            return spent

        monkeypatch.setattr(background_module, "time", SimpleNamespace(
            monotonic=lambda: 1000.0, thread_time=lambda: spent, sleep=pauses.append,
        ))  # fmt: skip
        background = Background(work, itertools.count().__next__)
        assert [background.get(30) for _ in range(4)] == [(100, True), (102, True), (122, True), (123, True)]
        assert pauses == [0, 0, 6, 10]

    def test_requests_while_nothing_changes(self) -> None:
        """One attempt serves all requests made until its end."""
        gate, worked = threading.Event(), []

        def work(report: Progress) -> int:
            assert gate.wait(30)
            worked.append(1)
            return len(worked)

        background = Background(work, lambda: "same")
        assert [background.get(0) for _ in range(3)] == [(None, False)] * 3
        gate.set()
        assert background.get(30) == (1, True)

    def test_failures(self, capfd: pytest.CaptureFixture[str]) -> None:
        failures: list[Exception] = [DataError("broken"), ZeroDivisionError("a bug")]

        def work(report: Progress) -> str:
            if failures:
                raise failures.pop(0)
            return "fine"

        background = Background(work, lambda: "always")
        with pytest.raises(DataError, match="broken"):
            background.get(30)
        with pytest.raises(LiveCoverageError, match="a bug"):
            background.get(30)
        assert "ZeroDivisionError" in capfd.readouterr().err
        assert background.get(30) == ("fine", True)

    def test_many_requests_at_once(self) -> None:
        worked = []

        def work(report: Progress) -> int:
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
