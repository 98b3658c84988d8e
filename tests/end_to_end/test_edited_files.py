"""Files that are edited while their old code runs: its lines are never shown as those of the new text.

Tests ``sources.content``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.engines import ENGINES

HELPERS = """
def pick(wanted):
    if wanted:
        return "yes"
    return "no"
"""

SCRIPT = """
    import json, os, sys, time
    from pathlib import Path

    WHEN, CHANGE = sys.argv[1:]
    sys.path.insert(0, "")
    helpers = Path("helpers.py")

    def change():
        if CHANGE == "edit":
            helpers.write_text("# one more line above\\n" + helpers.read_text())
        # Later at any resolution of the file system's clock.
        if CHANGE != "nothing":
            later = time.time() + 10
            os.utime(helpers, (later, later))

    def step(name):
        if WHEN == name:
            change()

    def use():
        import helpers
        step("after import")
        return helpers.pick(True)

    if WHEN != "after import":
        import helpers as imported_before
    step("before start")

    from flask import Flask
    from flask_livecoverage import LiveCoverage
    from flask_livecoverage.exports.reports import open_reports
    from flask_livecoverage.journal.reader import read_run
    from flask_livecoverage.journal.data_dir import DataDir

    app = Flask(__name__)
    app.config["TESTING"] = True
    livecov = LiveCoverage(app)
    step("after start")
    app.get("/")(use)
    app.test_client().get("/").close()
    with open_reports([read_run(DataDir(".livecov").select("latest")[0])]) as reports:
        files = reports.json_object()["files"]
        print(json.dumps([files.get("helpers.py", {}).get("executed_lines"), reports.warnings]))
"""


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "monitoring" and sys.version_info < (3, 12):
        pytest.skip("the monitoring engine needs sys.monitoring, new in Python 3.12")
    name: str = request.param
    return name


def run(folder: Path, engine: str, *arguments: str) -> Any:
    (folder / "helpers.py").write_text(HELPERS.lstrip("\n"))
    (folder / "script.py").write_text(textwrap.dedent(SCRIPT))
    environ = {**os.environ, "LIVECOVERAGE_ENGINE": engine, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "script.py", *arguments]
    result = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.mark.parametrize("when", ["before start", "after start", "after import"])
def test_edited(tmp_path: Path, engine: str, when: str) -> None:
    """The file is edited after its import, and before its first line runs in a request."""
    lines, warnings = run(tmp_path, engine, when, "edit")
    assert lines is None
    (warning,) = [warning for warning in warnings if "helpers.py" in warning]
    assert warning.endswith("helpers.py has changed since its lines were recorded: those are left out")


@pytest.mark.parametrize("change", ["touch", "nothing"])
@pytest.mark.parametrize("when", ["before start", "after start", "after import"])
def test_same_text(tmp_path: Path, engine: str, when: str, change: str) -> None:
    """Checking out or copying a file changes only its times."""
    lines, warnings = run(tmp_path, engine, when, change)
    assert lines == ([1, 2, 3] if when == "after import" else [2, 3])
    assert [warning for warning in warnings if "helpers.py" in warning] == []
