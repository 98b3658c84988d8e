"""An unmodified application, httpbin from PyPI, compared with ``coverage run``."""

from __future__ import annotations

import json
import signal
import sys

import pytest

from ..support.processes import FLASK, Command, Commands, fetch

pytest.importorskip("httpbin", reason="httpbin is not installed here")

PATHS = ("/get", "/status/418", "/headers", "/stream/3", "/image", "/nothing/of/that/kind", "/base64/aGk%3D")


def drive(server: Command) -> None:
    for path in PATHS:
        fetch(server.url + path)


def test_lines_are_those_of_coverage_run(commands: Commands) -> None:
    served = commands.serve("--source", "httpbin", "--no-report", app="httpbin", PYTHONWARNINGS="ignore")
    measured = commands.start(
        *(sys.executable, "-m", "coverage", "run", "--source", "httpbin"),
        *(*FLASK[1:], "--app", "httpbin", "run", "--port", "0"),
        PYTHONWARNINGS="ignore",
    )
    drive(served)
    drive(measured)
    fetch(f"{served.url}/shutdown")
    measured.signal(signal.SIGINT)
    assert served.wait().status == 0
    measured.wait()

    report = commands.start(sys.executable, "-m", "coverage", "json", "-o", "-", "--quiet").wait()
    expected = json.loads(report.stdout)["files"]
    found = commands.report()["files"]

    assert found.keys() == expected.keys()
    for path, file in expected.items():
        assert found[path]["executed_lines"] == file["executed_lines"], path
        assert found[path]["missing_lines"] == file["missing_lines"], path
    (core,) = [file for path, file in found.items() if path.endswith("core.py")]
    assert core["summary"]["covered_lines"] > 100


def test_run(commands: Commands) -> None:
    client = commands.write(
        "client.py",
        """
        import json, os, urllib.request

        with urllib.request.urlopen(os.environ["LIVECOVERAGE_URL"] + "/get?a=1") as response:
            print(json.load(response)["args"])
        """,
    )

    result = commands.run(
        *("--source", "httpbin", "--report", "text", "--", sys.executable, client),
        app="httpbin",
        PYTHONWARNINGS="ignore",
    )

    assert result.status == 0
    assert "{'a': '1'}" in result.stdout
    assert "core.py" in result.stdout
