"""Steps that all run, although one of them fails."""

from __future__ import annotations

import pytest

from flask_livecoverage.recording.steps import run_all


def test_all_run_in_their_order(caplog: pytest.LogCaptureFixture) -> None:
    taken: list[int] = []

    def fails() -> None:
        taken.append(2)
        raise ZeroDivisionError

    run_all(lambda: taken.append(1), fails, lambda: taken.append(3))
    assert taken == [1, 2, 3]
    [record] = caplog.records
    assert "fails has failed" in record.message


def test_what_ends_the_process_is_raised_after_all_steps() -> None:
    taken: list[int] = []

    def ends() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_all(ends, lambda: taken.append(1))
    assert taken == [1]
