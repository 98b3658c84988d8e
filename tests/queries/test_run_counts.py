"""The counts of a run, from its journals and from the store."""

from __future__ import annotations

import subprocess
import sys

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.queries.run_counts import RunCounts, count_run, count_stored
from flask_livecoverage.queries.stored_runs import open_stored_runs

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0


def test_same_from_both() -> None:
    folder = run_folder()
    writers = [Writer(folder, token) for token in ("aaaaaaaa", "bbbbbbbb")]
    writers[0].line("window", name="open", at=NOW)
    for number, lines in enumerate([[1], [1], [2]]):
        writers[number % 2].request(trace_of({"/srv/app.py": lines}), NOW + number)
    with open_stored_runs(folder.path.parent.parent, [folder], None) as runs:
        stored = count_stored(runs.queries)
    assert count_run(read_run(folder)) == stored == RunCounts("open", 3, 2, 2, 0)


def test_counting_from_journals_does_not_load_the_store() -> None:
    script = "import sys, flask_livecoverage.queries.run_counts; assert 'sqlalchemy' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
