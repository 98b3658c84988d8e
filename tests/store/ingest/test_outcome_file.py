"""Outcomes in the store, compared with the file that they are read from.

Tests ``store.ingest.outcome_file`` and ``store.queries.outcome_queries``.
"""

from __future__ import annotations

import shutil
from bisect import bisect_right
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.journal.outcomes import append_outcome, read_outcomes
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.store import open_store, store_url

from ...support.journals import Writer, run_folder
from ...support.strategies import outcomes
from ..runs import recorded, synced

_steps = st.lists(outcomes | st.sampled_from(["sync", "sync", "torn", "empty"]), max_size=14)


def expected(folder: RunFolder, period: int | None = None) -> dict[str, Outcome]:
    found = read_outcomes(folder).outcomes
    marks = sorted(folder.mark_times())
    return {test: one for test, one in found.items() if period in (None, bisect_right(marks, one.at))}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_steps, st.lists(st.floats(0, 3), max_size=2))
def test_store_has_what_the_file_has(steps: list[object], marks: list[float]) -> None:
    shutil.rmtree(".livecov", ignore_errors=True)
    folder = run_folder()
    Writer(folder, "aaaaaaaa")
    (folder.path / "marks.jsonl").write_text("".join(f'\n{{"at": {at}, "offsets": {{}}}}\n' for at in sorted(marks)))
    for step in steps:
        if isinstance(step, Outcome):
            append_outcome(folder, step)
        elif step == "torn":
            with open(folder.outcomes_path, "ab") as file:
                file.write(b'\n{"test":"a","outc')
        elif step == "empty":
            # Another program has truncated it.
            folder.outcomes_path.write_bytes(b"")
            with synced(folder):
                pass
        else:
            with synced(folder):
                pass
    with recorded(folder) as queries:
        assert dict(queries.outcomes) == expected(folder)
        assert list(queries.outcomes) == sorted(queries.outcomes)
    for period in range(len(marks) + 1):
        with recorded(folder, period=period) as queries:
            assert dict(queries.outcomes) == expected(folder, period)
    with open_store(store_url(Path(".livecov"), None)) as store:
        store.sync(folder)
        # Also when nothing has changed.
        assert store.warnings == list(read_outcomes(folder).warnings)


def test_later_run_counts() -> None:
    folders = [run_folder(name) for name in ("first", "second")]
    for number, folder in enumerate(folders):
        Writer(folder, "aaaaaaaa")
        append_outcome(folder, Outcome("both", ("failed", "passed")[number], 1.0, 10.0 + number))
        append_outcome(folder, Outcome(folder.id, "skipped", None, 10.0))
    with open_store(store_url(Path(".livecov"), None)) as store:
        numbers = [store.sync(folder) for folder in reversed(folders)]
        with store.recorded(numbers) as queries:
            found = {test: one.outcome for test, one in queries.outcomes.items()}
    assert found == {"both": "passed", "first": "skipped", "second": "skipped"}


def test_removed_file_leaves_no_outcomes() -> None:
    folder = run_folder()
    Writer(folder, "aaaaaaaa")
    append_outcome(folder, Outcome("t", "passed", 1.0, 1.0))
    with recorded(folder) as queries:
        assert list(queries.outcomes) == ["t"]
    folder.outcomes_path.unlink()
    with recorded(folder) as queries:
        assert dict(queries.outcomes) == {}
