"""``livecov serve`` writes the application's rules to disk before it serves."""

from __future__ import annotations

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.journal.run_folder import RunFolder

from ..support.processes import Commands, fetch


def test_rules_are_written_before_it_serves(commands: Commands) -> None:
    command = commands.serve("--no-report")
    url = command.url
    [journal] = commands.folder.glob(".livecov/runs/*/journal-*.jsonl")
    rules = {rule.rule for rule in read_run(RunFolder(journal.parent)).rules}
    assert rules == {"/", "/config/<key>", "/wait", "/stream", "/never", "/static/<path:filename>"}
    fetch(f"{url}/shutdown", "POST")
    assert command.wait().status == 0
