"""A run of several hundred requests, and the answers of its store, which several tables give."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_livecoverage.journal.run_folder import RunFolder
from flask_livecoverage.model.records import Run
from flask_livecoverage.store import open_store, store_url

from ..support.journals import Writer, run_folder, trace_of

NOW = 1_700_000_000.0
REQUESTS = 300


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    folder = run_folder("run", tmp_path / ".livecov")
    writer = Writer(folder, "aaaaaaaa")
    for number in range(REQUESTS):
        trace = trace_of({f"/srv/{number % 7}.py": [1, number % 50 + 2]})
        request = writer.request(
            trace, NOW + number, path=f"/{number}", test=f"test {number % 20}", route=f"/{number % 3}"
        )
        if number % 9 == 0:
            writer.line("amend", id=request, trace=writer.trace(trace_of({"/srv/late.py": [3]})), status=500)
        if number % 50 == 0:
            writer.line("window", name=f"window {number}", at=NOW + number)
    return folder


def ask(folder: RunFolder, *, is_own: bool = False, warnings: list[str] | None = None) -> Run:
    """Return the store's answers, from several of its tables."""
    with open_store(store_url(folder.path.parent.parent, None), is_own=is_own) as store:
        number = store.sync(folder)
        if warnings is not None:
            warnings += store.warnings
        with store.recorded([number]) as queries:
            for by in ("test", "route", "request"):
                list(queries.groups.executed(by))  # type: ignore[arg-type]
            queries.lines.ran("/srv/1.py", [1])
            queries.rules()
            return Run("", [], queries.requests.newest(), queries.lines.traces())


def ask_own(folder: RunFolder, warnings: list[str]) -> Run:
    return ask(folder, is_own=True, warnings=warnings)
