"""The server's memory stays flat, whatever paths, methods and names clients send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run

from ..support.lines import line_of
from ..support.servers import PYTHON

# Compiles code as templates, notebooks and tracing tools do: under the name of a measured file.
MAKER = """\
from types import FunctionType

TEXT = "def made():\\n    return [n for n in range(2)]\\nmade()\\n"


def copied():
    def inner():
        return 1
    return inner()


def make(kind, name):
    if kind == "compiled":
        exec(compile(TEXT, __file__, "exec"), {})
    elif kind == "replaced":
        FunctionType(copied.__code__.replace(co_name=name), {})()


"""

# One view with a hundred different paths through its code.
APPLICATION = (
    f"from flask import Flask, request\nfrom flask_livecoverage import LiveCoverage\n{MAKER}"
    "app = Flask(__name__)\nLiveCoverage(app)\n\n"
    "@app.route('/<path:rest>', methods=['GET', 'POST'])\ndef view(rest):\n"
    "    for part in range(10 if request.args else 0):\n        make(request.args['make'], f'{rest}-{part}')\n"
    "    way = int(rest.partition('-')[0]) % 100\n"
    + "".join(f"    if way == {way}:\n        return 'way {way}'\n" for way in range(100))
)

# Calls the application as a server does, and prints the growth of memory: for many requests, of the process; for few,
# where the allocator's overhead would dominate, of Python's objects.
DRIVE = """\
import gc, json, sys, threading, tracemalloc

import psutil
from werkzeug.test import create_environ

from application import app
from flask_livecoverage.recording.process import current_recorder

kind, warm_up, count, measure = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
environ = create_environ("/1")
client = app.test_client()
chunk = "x" * 900


def ask(number):
    asked = {**environ, "PATH_INFO": f"/{number}"}
    if kind == "tests":
        asked["HTTP_LIVECOV_TEST"] = f"test {number} {chunk}"
    elif kind == "paths":
        asked["PATH_INFO"] = f"/{number}-{chunk * 8}"
    elif kind == "methods":
        asked["REQUEST_METHOD"] = f"M{number}{chunk * 8}"
    elif kind in ("compiled", "replaced"):
        asked["QUERY_STRING"] = f"make={kind}"
    elif kind == "windows" and not number % 10:
        control(f"/__coverage__/start?name=window%20{number}%20{chunk}")
    if kind == "test-client":
        # Neither read nor closed, as in most test suites.
        found = client.get(f"/{number}").status
        assert found == "200 OK", found
    elif kind == "dropped":
        app.wsgi_app({**asked, "SERVER_SOFTWARE": "a server"}, lambda *arguments: None)
    elif kind == "threads":
        # As Werkzeug's server does.
        thread = threading.Thread(target=answer, args=(asked,))
        thread.start()
        thread.join()
    else:
        answer(asked)


def control(url):
    asked = create_environ(url)
    asked.update(REMOTE_ADDR="127.0.0.1", HTTP_HOST="localhost")
    status = answer(asked)
    assert status == "200 OK", status


def answer(asked):
    found = []
    body = app.wsgi_app(asked, lambda status, headers, exc_info=None: found.append(status))
    b"".join(body)
    body.close()
    return found[0]


def used():
    # The thread that checks the files may be reading one. The next request restarts it.
    current_recorder().flusher.stop()
    # Lines of the last second are kept until they are written.
    for _ in range(3):
        current_recorder().flush()
    gc.collect()
    return tracemalloc.get_traced_memory()[0] if measure == "objects" else psutil.Process().memory_info().rss


if measure == "objects":
    tracemalloc.start()
for number in range(warm_up):
    ask(number)
before = used()
for number in range(warm_up, warm_up + count):
    ask(number)
print(json.dumps(used() - before))
"""


@pytest.mark.promise
@pytest.mark.parametrize("kind", ["traces", "threads"])
def test_a_hundred_traces(kind: str, engine_name: str, thorough: bool, tmp_path: Path) -> None:
    assert_flat(kind, engine_name, thorough, tmp_path)


@pytest.mark.promise
@pytest.mark.parametrize("kind", ["tests", "paths", "methods", "windows"])
def test_always_new_texts(kind: str, thorough: bool, tmp_path: Path) -> None:
    assert_flat(kind, "auto", thorough, tmp_path)


@pytest.mark.promise
@pytest.mark.parametrize("kind", ["test-client", "dropped"])
def test_responses_that_are_never_closed(kind: str, thorough: bool, tmp_path: Path) -> None:
    assert_flat(kind, "auto", thorough, tmp_path)


# At least ten code objects are made for a request, and 2 KB of each could be kept: without a limit, that is 30 MB.
MADE = {"compiled": 15e6, "replaced": 15e6}


@pytest.mark.promise
@pytest.mark.parametrize("kind", MADE)
def test_code_compiled_for_each_request(kind: str, engine_name: str, thorough: bool, tmp_path: Path) -> None:
    assert_flat(kind, engine_name, thorough, tmp_path)


@pytest.mark.promise
@pytest.mark.parametrize("kind", MADE)
@pytest.mark.skipif(sys.version_info < (3, 12), reason="the monitoring engine needs sys.monitoring, new in Python 3.12")
def test_code_compiled_for_each_request_in_pure_python(
    kind: str, thorough: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVECOVERAGE_PURE_PYTHON", "1")
    assert_flat(kind, "monitoring", thorough, tmp_path)


def assert_flat(kind: str, engine_name: str, thorough: bool, folder: Path) -> None:
    # Caches of texts may fill while the application warms up.
    warm_up, count, most, measure = (5_000, 200_000, 20e6, "process") if thorough else (4_500, 2_500, 0.6e6, "objects")
    if kind in MADE:
        count, most = (20_000, 40e6) if thorough else (count, MADE[kind])
        warm_up = 1_000
    source = folder / "application.py"
    source.write_text(APPLICATION)
    (folder / "drive.py").write_text(DRIVE)
    environ = {**os.environ, "LIVECOVERAGE": "1", "LIVECOVERAGE_ENGINE": engine_name}
    result = subprocess.run(
        [PYTHON, "drive.py", kind, str(warm_up), str(count), measure],
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
    )
    assert (result.returncode, result.stderr) == (0, "")
    growth = json.loads(result.stdout)
    print(f"{count} requests, {kind}, {engine_name}: {growth / 1e6:.1f} MB more")
    assert growth < most
    if not thorough:
        assert_recorded(folder, source, warm_up + count, routed=kind != "methods")


def assert_recorded(folder: Path, source: Path, count: int, *, routed: bool) -> None:
    """Check that the requests were recorded, because memory also stays flat without recording."""
    run = read_run(DataDir(folder / ".livecov").select("latest")[0])
    assert len(run.requests) == count
    for request in run.requests[-100:] if routed else ():
        way = int(request.path[1:].partition("-")[0]) % 100
        executed = run.traces[request.trace].line_numbers()[str(source.resolve())]
        assert executed[-1] == line_of(source, f"'way {way}'")
