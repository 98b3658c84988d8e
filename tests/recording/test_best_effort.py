"""All steps run, even if one of them fails."""

from __future__ import annotations

import pytest

from flask_livecoverage.recording.best_effort import run_all


def test_all_run_in_their_order(caplog: pytest.LogCaptureFixture) -> None:
    run: list[int] = []

    def fails() -> None:
        run.append(2)
        raise ZeroDivisionError

    run_all(lambda: run.append(1), fails, lambda: run.append(3))
    assert run == [1, 2, 3]
    [record] = caplog.records
    assert "fails has failed" in record.message


def test_errors_that_end_the_process_are_raised_after_all_steps() -> None:
    run: list[int] = []

    def ends() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(ends, lambda: run.append(1))
    assert run == [1]
