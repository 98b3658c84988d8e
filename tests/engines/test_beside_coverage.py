"""Tests of engines beside another ``Coverage``: its totals do not change, and the lines of requests are exact.

Tests ``engines.ctrace`` and ``engines.traced_stacks``.
"""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import coverage
import pytest

APPLICATION = """
    import threading
    from concurrent.futures import Future

    from flask import Flask

    import helpers

    future = Future()


    def create_app(livecov):
        app = Flask(__name__)

        @app.get("/a")
        def a():
            return helpers.name("a")  # view a

        @app.get("/b")
        def b():
            thread = threading.Thread(target=helpers.work)
            thread.start()
            thread.join()

            def body():
                yield "b"  # body b
                yield helpers.name("b")

            return body()

        @app.get("/c")
        def c():
            future.add_done_callback(helpers.called)
            return "c"

        @app.get("/d")
        def d():
            future.set_result(1)
            return "d"

        app.config["TESTING"] = livecov
        if livecov:
            from flask_livecoverage import LiveCoverage

            LiveCoverage(app)
        return app
"""

HELPERS = """
    def name(letter):
        if letter == "a":
            return "A"  # name a
        return "B"  # name b


    def work():
        return sum(  # work
            range(3)
        )


    def called(done):
        return done.result()  # called


    def later():
        return name("a")


    def never():
        return None
"""

SCRIPT = """
    import json
    import sys

    import app
    import helpers

    livecov = sys.argv[1] == "livecov"
    client = app.create_app(livecov).test_client()
    for path in ("/a", "/b", "/a", "/c", "/d"):
        assert client.get(path).text.lower() == {"/b": "bb"}.get(path, path[1:])
    helpers.later()
    if livecov:
        with open("dump.json", "w") as file:
            json.dump(client.get("/__coverage__/dump").json, file)
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path) -> None:
    for name, text in (("app", APPLICATION), ("helpers", HELPERS), ("script", SCRIPT), ("test_script", SCRIPT)):
        text = textwrap.dedent(text).lstrip()
        if name == "test_script":
            text = (
                "import sys\n\n\ndef test_script(monkeypatch):\n    monkeypatch.setattr(sys, 'argv', ['', MODE])\n"
                + "".join(f"    {line}\n" for line in text.replace("import sys\n", "").splitlines())
            )
        Path(f"{name}.py").write_text(text)


def _run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _totals(data_file: str) -> dict[str, Any]:
    data = coverage.CoverageData(data_file)
    data.read()
    found = {
        Path(file).name: sorted(data.arcs(file) or ()) if data.has_arcs() else sorted(data.lines(file) or ())
        for file in data.measured_files()
        if Path(file).name in ("app.py", "helpers.py")
    }
    data.close()
    return found


def _assert_requests_exact(*, app_measured: bool = True) -> None:
    dump = json.loads(Path("dump.json").read_text())
    text = Path("helpers.py").read_text().splitlines()
    name_a = [text.index('    if letter == "a":') + 1, text.index('        return "A"  # name a') + 1]
    name_b = [name_a[0], text.index('    return "B"  # name b') + 1]
    work = [number for number, line in enumerate(text, 1) if "# work" in line or "range(3)" in line]
    called = [text.index("    return done.result()  # called") + 1]
    expected = {"/a": name_a, "/b": sorted({*name_b, *work}), "/c": called, "/d": []}
    assert len(dump["requests"]) == 5
    for request in dump["requests"]:
        trace = dump["traces"][request["trace"]]
        assert trace.get("helpers.py", []) == expected[request["path"]]
        assert ("app.py" in trace) == app_measured


CORES = ["ctrace", "sysmon"] if sys.version_info >= (3, 12) else ["ctrace"]


@pytest.mark.parametrize("core", CORES)
@pytest.mark.parametrize("engine", ["auto", "ctrace"])
def test_under_coverage_run(core: str, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_CORE", core)
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine)
    for mode in ("bare", "livecov"):
        _run("-m", "coverage", "run", f"--data-file={mode}.data", "script.py", mode)
    assert _lines_without_livecov(_totals("livecov.data")) == _lines_without_livecov(_totals("bare.data"))
    _assert_requests_exact()


@pytest.mark.parametrize("engine", ["auto", "ctrace"])
def test_under_coverage_run_with_branches(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lender measures branches while our engine measures lines."""
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine)
    for mode in ("bare", "livecov"):
        _run("-m", "coverage", "run", "--branch", f"--data-file={mode}.data", "script.py", mode)
    bare, livecov = _totals("bare.data"), _totals("livecov.data")
    assert livecov["helpers.py"] == bare["helpers.py"]
    _assert_requests_exact()


@pytest.mark.parametrize("engine", ["auto", "ctrace"])
def test_lender_that_measures_other_files(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lender's source omits a file that we measure, and ours omits one that the lender measures."""
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine)
    monkeypatch.setenv("LIVECOVERAGE_SOURCE", "helpers")
    for mode in ("bare", "livecov"):
        _run("-m", "coverage", "run", "--source=app", f"--data-file={mode}.data", "script.py", mode)
    assert "helpers.py" not in _totals("livecov.data")
    assert _lines_without_livecov(_totals("livecov.data")) == _lines_without_livecov(_totals("bare.data"))
    _assert_requests_exact(app_measured=False)


@pytest.mark.parametrize("engine", ["auto", "ctrace"])
def test_beside_pytest_cov(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine)
    source = Path("test_script.py").read_text()
    for mode in ("bare", "livecov"):
        Path("test_script.py").write_text(source.replace("MODE", repr(mode)))
        monkeypatch.setenv("COVERAGE_FILE", f"{mode}.data")
        _run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--cov=app", "--cov=helpers", "test_script.py")
    assert _lines_without_livecov(_totals("livecov.data")) == _lines_without_livecov(_totals("bare.data"))
    _assert_requests_exact()


def _lines_without_livecov(totals: dict[str, list[int]]) -> dict[str, list[int]]:
    """Return the totals without the lines that attach the extension, which run in only one of the two."""
    text = Path("app.py").read_text().splitlines()
    own = {number for number, line in enumerate(text, 1) if "LiveCoverage" in line}
    return {file: [line for line in lines if file != "app.py" or line not in own] for file, lines in totals.items()}


def test_branches_beside_a_lender_that_measures_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    Path(".coveragerc").write_text("[run]\nbranch = True\n")
    done = subprocess.run(
        [sys.executable, "-m", "coverage", "run", "--rcfile=/dev/null", "script.py", "livecov"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "run that one with --branch too" in done.stderr.splitlines()[-1]


def test_debugger_is_active(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python has one trace function per thread; if a debugger uses it, ctrace reports that."""
    from flask_livecoverage import EngineError
    from flask_livecoverage.engines import choose_engine
    from flask_livecoverage.sources.selection import Sources

    before = sys.gettrace()
    engine, _ = choose_engine(Sources(), "ctrace")
    sys.settrace(lambda frame, event, argument: None)
    try:
        with pytest.raises(EngineError, match="cannot share Python's trace function with <function"):
            engine.start()
    finally:
        sys.settrace(before)
