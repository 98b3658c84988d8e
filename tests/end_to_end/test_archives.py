"""An application in an archive, from which Python imports it, and coverage.py reads its source.

Tests ``sources.content``.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

from ..support.html import up_to_date
from ..support.processes import FLASK, Commands, fetch

APP = """
    import json
    from flask import Flask

    app = Flask("packed")

    @app.get("/")
    def index():
        # The name of a file that does not exist.
        names = {}
        exec(compile("made = 1\\nmade += 1\\n", "invented.py", "exec"), names)
        return json.dumps(names["made"])

    @app.get("/never")
    def never():
        return "never asked for"
"""


@pytest.fixture
def archive(commands: Commands) -> Path:
    path = commands.folder / "lib.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("packed/__init__.py", "")
        made.writestr("packed/web.py", textwrap.dedent(APP))
    return path


def test_reports_are_those_of_coverage_run(commands: Commands, archive: Path) -> None:
    client = commands.write("client.py", "from packed.web import app\napp.test_client().get('/')\n")
    environ = {"PYTHONPATH": str(archive), "HOME": str(commands.folder)}
    commands.write(".coveragerc", "[run]\ninclude = */lib.zip/*\n[report]\nignore_errors = 1\n")
    commands.start(sys.executable, "-m", "coverage", "run", client, **environ).wait()
    oracle = commands.start(sys.executable, "-m", "coverage", "json", "-o", "-", "--quiet").wait()
    expected = json.loads(oracle.stdout)["files"]
    assert expected["lib.zip/packed/web.py"]["missing_lines"] == [16]
    (commands.folder / ".coveragerc").unlink()

    server = commands.start(
        *(*FLASK, "--app", "packed.web:app", "livecov", "serve", "--port", "0", "--no-report"), **environ
    )
    assert fetch(f"{server.url}/") == (200, "2")
    dump = json.loads(fetch(f"{server.url}/__coverage__/dump")[1])
    page = up_to_date(lambda: fetch(f"{server.url}/__coverage__/ui/files")[1])
    found = re.search(r"ui/files/([0-9a-f]+)\">lib.zip/packed/web.py<", page)
    assert found, page
    source = fetch(f"{server.url}/__coverage__/ui/files/{found[1]}")[1]
    fetch(f"{server.url}/shutdown")
    result = server.wait()

    assert (result.status, "Warning" in result.stderr) == (0, False), result.stderr
    assert "never asked for" in source
    for files in (dump["files"], commands.report()["files"]):
        assert files.keys() == expected.keys()
        for path, file in files.items():
            assert file["executed_lines"] == expected[path]["executed_lines"], path
            assert file["missing_lines"] == expected[path]["missing_lines"], path


@pytest.mark.parametrize("report_format", ["text", "html", "xml", "lcov", "coverage", "markdown"])
def test_every_format(commands: Commands, archive: Path, report_format: str) -> None:
    environ = {"PYTHONPATH": str(archive)}
    suite = ("--", sys.executable, "-c", CLIENT)
    result = commands.run("--report", report_format, *suite, app="packed.web:app", **environ)
    assert (result.status, "Warning" in result.stderr) == (0, False), result.stderr


def test_priorities(commands: Commands, archive: Path) -> None:
    environ = {"PYTHONPATH": str(archive)}
    commands.run("--report", "text", "--", sys.executable, "-c", CLIENT, app="packed.web:app", **environ)
    log = commands.write("access.log", '127.0.0.1 - - [26/Nov/2026:10:00:00 +0000] "GET /never HTTP/1.1" 200 5\n')
    result = commands.livecov("priorities", "--access-log", log, app="packed.web:app", **environ).wait()
    assert result.status == 0, result.stderr
    assert "lib.zip/packed/web.py:16  never" in result.stdout


CLIENT = "import os, urllib.request; urllib.request.urlopen(os.environ['LIVECOVERAGE_URL']).close()"
