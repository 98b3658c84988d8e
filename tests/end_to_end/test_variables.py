"""Each documented environment variable works as documented, in a separate process."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flask_livecoverage.settings import SETTINGS

from ..support import REPOSITORY
from ..support.compiled import HAS_C_EXTENSION

APP = """
    import helper
    from flask import Flask
    from flask_livecoverage import LiveCoverage

    app = Flask(__name__)
    LiveCoverage(app)

    @app.get("/")
    def index():
        return helper.answer()
"""

# Sends requests to the application, and prints the responses.
ASK = """
    import json, sys
    from app import app

    client = app.test_client()
    assert client.get("/", headers={"Livecov-Test": "named"}).text == "answer"
    remote = {"REMOTE_ADDR": "192.0.2.1"}
    answers = {
        "rules": [rule.rule for rule in app.url_map.iter_rules()],
        "status": client.get("/__coverage__/status").json,
        "elsewhere": client.get("/elsewhere/status").status_code,
        "requests": client.get("/__coverage__/requests").json,
        "files": sorted((client.get("/__coverage__/dump").json or {}).get("files", {})),
        "remote": client.get("/__coverage__/status", environ_overrides=remote).status_code,
        "with token": client.get(
            "/__coverage__/status", environ_overrides=remote, headers={"Authorization": "Bearer s3cret"}
        ).status_code,
    }
    print(json.dumps(answers))
"""

Answers = dict[str, Any]


def in_python(answers: Answers) -> bool:
    # Without the C extension, the variable changes nothing.
    return not HAS_C_EXTENSION or "without the C extension" in answers["status"]["reason"]


# For each variable: its value, whether the environment has LIVECOVERAGE=1 too, and a check of its effect.
USES: dict[str, tuple[str, bool, Callable[[Answers], bool]]] = {
    "LIVECOVERAGE": ("1", False, lambda seen: seen["status"]["recording"] is True),
    "LIVECOVERAGE_RUN": ("20300101-run", True, lambda seen: seen["status"]["run"] == "20300101-run"),
    "LIVECOVERAGE_SOURCE": ("helper", True, lambda seen: seen["files"] == ["helper.py"]),
    "LIVECOVERAGE_PURE_PYTHON": ("1", True, in_python),
    "LIVECOVERAGE_ENABLED": ("1", False, lambda seen: seen["status"]["recording"] is True),
    "LIVECOVERAGE_URL_PREFIX": ("/elsewhere", True, lambda seen: (seen["status"], seen["elsewhere"]) == (None, 200)),
    "LIVECOVERAGE_SHUTDOWN_URL": ("/end", True, lambda seen: {"/end", "/shutdown"} & {*seen["rules"]} == {"/end"}),
    "LIVECOVERAGE_DATA_DIR": ("data", True, lambda seen: os.listdir("data/runs") == [seen["status"]["run"]]),
    "LIVECOVERAGE_AUTOSTART": ("0", True, lambda seen: seen["requests"]["total"] == 0),
    "LIVECOVERAGE_ENGINE": ("ctrace", True, lambda seen: seen["status"]["reason"].startswith("set by")),
    "LIVECOVERAGE_TOKEN": ("s3cret", True, lambda seen: (seen["remote"], seen["with token"]) == (403, 200)),
    "LIVECOVERAGE_BEHIND_PROXY": ("1", True, lambda seen: "a proxy" in seen["status"].get("error", "")),
    "LIVECOVERAGE_IGNORE": ("/, /favicon.ico", True, lambda seen: seen["requests"]["requests"][-1]["test"] is None),
    "LIVECOVERAGE_STORE": ("sqlite:///own.sqlite3", True, lambda seen: Path("own.sqlite3").exists()),
}  # fmt: skip
# Not variables of servers: the first is tested below, the others with the commands that read them.
OTHERS = {"LIVECOVERAGE_URL", "LIVECOVERAGE_KEEP_RUNS", "LIVECOVERAGE_AFFECTED_IGNORE"}


def ask(folder: Path, **variables: str) -> Answers:
    """The responses of the application in a process with these variables."""
    (folder / "app.py").write_text(textwrap.dedent(APP))
    (folder / "helper.py").write_text("def answer():\n    return 'answer'\n")
    command = [sys.executable, "-c", textwrap.dedent(ASK)]
    result = subprocess.run(command, cwd=folder, env={**os.environ, **variables}, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    answers: Answers = json.loads(result.stdout)
    return answers


@pytest.fixture(scope="module")
def without(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Answers]:
    """The responses without any of the variables, and with only LIVECOVERAGE=1."""
    folder = tmp_path_factory.mktemp("without")
    return {False: ask(folder), True: ask(folder, LIVECOVERAGE="1")}


def test_every_documented_variable_is_used_here() -> None:
    pages = [*REPOSITORY.glob("docs/*.rst"), REPOSITORY / "README.rst"]
    # A name that ends with an underscore is only a prefix.
    named = set(re.findall(r"\bLIVECOVERAGE(?:_[A-Z]+)*\b(?!_)", "".join(page.read_text() for page in pages)))
    assert named | {setting.key for setting in SETTINGS} == USES.keys() | OTHERS


@pytest.mark.parametrize("variable", USES)
def test_variable_of_a_server(without: dict[bool, Answers], tmp_path: Path, variable: str) -> None:
    value, needs_active, is_seen = USES[variable]
    if variable != "LIVECOVERAGE_PURE_PYTHON" or HAS_C_EXTENSION:
        assert not _safely(is_seen, without[needs_active])
    active = {"LIVECOVERAGE": "1"} if needs_active else {}
    assert is_seen(ask(tmp_path, **active, **{variable: value}))


def _safely(is_seen: Callable[[Answers], bool], answers: Answers) -> bool:
    try:
        return is_seen(answers)
    except (TypeError, OSError):
        # The route or the folder does not exist.
        return False


@pytest.mark.parametrize("command", ["status", "shutdown"])
def test_address(unmeasured_server: str, command: str) -> None:
    arguments = [sys.executable, "-m", "flask", "livecov", command]
    environ = {**os.environ, "LIVECOVERAGE_URL": unmeasured_server}
    result = subprocess.run(arguments, env=environ, capture_output=True, text=True)
    assert result.returncode == 1
    assert unmeasured_server in result.stderr
