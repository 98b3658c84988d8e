"""Texts that databases cannot hold: NUL, which PostgreSQL refuses, and halves of surrogate pairs."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flask_livecoverage.journal.outcomes import Collection, append_collection, append_outcome
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.outcomes import Outcome
from flask_livecoverage.store import open_store

from ...support.journals import Writer, run_folder, trace_of
from ..runs import NOW

_numbers = itertools.count()
_CHARACTERS = ["\0", "\ud800", "\udcff", "a", "é", '"', "\n", "\\"]


def write(text: str, folder: RunFolder) -> None:
    """Write ``text`` wherever a line can have one."""
    writer = Writer(folder, "1a", root=text)
    writer.line("sources", files=[text])
    writer.line("imports", edges=[[text, text]])
    writer.line("rules", rules=[[text, text, [text]]])
    writer.line("lost", count=1, reason=text)
    writer.line("window", name=text, at=NOW)
    trace = trace_of({text: [1]}, content=text)
    writer.line("ambient", trace=writer.trace(trace))
    fields = dict.fromkeys(("method", "route", "endpoint", "path"), text)
    for test in (text, None):
        writer.request(trace, NOW + 1, test=test, **fields)
    append_outcome(folder, Outcome(f"test {text}", "passed", None, NOW, (text,)))
    append_collection(folder, Collection([text], text, NOW))
    append_outcome(folder, Outcome("good", "failed", None, NOW))


def keep(url: str, folder: RunFolder) -> None:
    """Keep the contents of the run's files before it is read into the store."""
    run = read_run(folder)
    with open_store(url) as store:
        store.keep_sources(folder, sorted(run.contents()), run.source_files)


def check(url: str, folder: RunFolder) -> None:
    with open_store(url) as store, store.recorded([store.sync(folder)]) as found:
        assert found.requests.count() == 2
        assert found.outcomes["good"].outcome == "failed"
        names = [one.name for one in found.groups.executed("test")]
        assert not any("\0" in name for name in names)
        # The lines of journals are all stored.
        assert not [warning for warning in store.warnings if "journal-" in warning and "lost" not in warning]


@pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "\udcff\0"])
def test_everywhere(database: str, text: str) -> None:
    write(text, run_folder())
    keep(database, run_folder())
    check(database, run_folder())
    with open_store(database) as store:
        store.save_statements("rules", {"content": f"no Python: {text}"})


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.sampled_from(_CHARACTERS), min_size=1, max_size=6))
def test_any_text(postgresql: sa.Engine, text: str) -> None:
    url = postgresql.url.render_as_string()
    with TemporaryDirectory() as folder:
        run = run_folder(f"run-{next(_numbers)}", Path(folder) / "data")
        write(text, run)
        keep(url, run)
        check(url, run)


def test_outcome_of_another_program(database: str) -> None:
    line = {"test": "a\0b", "outcome": "passed", "duration_ms": None, "at": NOW, "files": []}
    folder = run_folder()
    Writer(folder, "1a")
    folder.outcomes_path.write_text(json.dumps(line) + "\n" + json.dumps({**line, "test": "c", "files": ["\0"]}) + "\n")
    with open_store(database) as store, store.recorded([store.sync(folder)]) as found:
        assert not any("\0" in name for name in found.outcomes)
