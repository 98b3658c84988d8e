"""The report's numbers equal what `coverage run` gives for the same requests on the same server, line for line.

Tests ``sources.selection``.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import coverage
import pytest

from ..support.servers import LISTENING, PYTHON, get, process, read_port, write_script

TREES = "application/trees.py"
FILES = {
    "application/__init__.py": '''\
"""A small application with one of each construct whose lines are counted in an unusual way."""

from flask import Flask, abort, request

app = Flask(__name__)

from . import views  # noqa: E402

if not views.__doc__:
    raise SystemExit("never")


@app.before_request
def remember():
    if "forbidden" in request.args:
        abort(403)


@app.errorhandler(404)
def missing(error):
    return (
        "nothing "
        "here",
        404,
    )
''',
    "application/views.py": '''\
"""Views."""

import asyncio
import threading
from functools import lru_cache

from flask import Response, request, stream_with_context

from application import app
from application.models import Cart, Item
from application.trees import near


@app.get("/cart/<int:count>")
def cart(count):
    found = Cart(
        [Item(number, price=number * 2) for number in range(count)],
        discount=lambda total: (
            total / 2
            if total > 10
            else total
        ),
    )
    if not found: return "empty"
    match count:
        case 1:
            return "one"
        case 2 | 3:
            return f"few {found.total()}"
        case _:
            pass
    return str(found.total())


@app.get("/stream")
def stream():
    @stream_with_context
    def chunks():
        try:
            for number in range(3):
                yield f"{number},"
        finally:
            closed()
        yield request.path

    return Response(chunks())


def closed():
    return None


@app.post("/work")
def work():
    results = []

    def background():
        results.append(expensive(3))

    thread = threading.Thread(target=background)
    thread.start()
    thread.join()
    return str(asyncio.run(later(results[0])))


async def later(value):
    await asyncio.sleep(0)
    return value + 1


@lru_cache
def expensive(number):
    while number:
        number -= 1
    else:
        number = 10
    return number


@app.get("/far")
def far():
    return str(near())


@app.get("/fault")
def fault():
    try:
        return {}["missing"]
    except KeyError as error:
        raise ValueError("wrapped") from error
    finally:
        closed()
''',
    "application/models.py": '''\
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Item:
    number: int
    price: int = field(
        default=0,
    )


class Cart:
    """Items."""

    limit = 5

    def __init__(self, items, discount):
        self.items = items
        self.discount = discount
        if len(items) > self.limit:
            self.items = items[: self.limit]

    def __bool__(self):
        return bool(self.items)

    def total(self):
        total = 0
        for item in self.items:
            if item.price == 4:
                continue
            total += item.price
        return self.discount(total)

    def unused(self):  # pragma: no cover
        return None

    def never(self):
        return None
''',
    TREES: '''\
"""Code that a tool generates: some of its lines are far beyond the end of the file."""

import ast

FAR = 30_000_000
TREE = ast.parse(
    "def made(x):\\n    y = x + 1\\n    if y:\\n        y += 1\\n"
    "    for n in range(y):\\n        y -= 1\\n    return y\\n"
)
for node in ast.walk(TREE.body[0].body[1]):
    if hasattr(node, "lineno"):
        node.lineno += FAR
        node.end_lineno += FAR
exec(compile(ast.increment_lineno(TREE, 20), __file__, "exec"))


def near():
    return made(1)  # noqa: F821




# The lines of the tree are here.
def at_the_tree(x):
    if x:
        x += 1
        x += 2
        x += 3
        x += 4
        x += 5
    return x
''',
    "application/unused.py": "VALUE = 1\n\n\ndef nobody():\n    return VALUE\n",
}

REQUESTS = [
    ("GET", "/cart/0", 200), ("GET", "/cart/1", 200), ("GET", "/cart/2", 200), ("GET", "/cart/9", 200),
    ("GET", "/stream", 200), ("POST", "/work", 200), ("GET", "/fault", 500), ("GET", "/nothing", 404),
    ("GET", "/far", 200),
    ("GET", "/cart/1?forbidden=1", 403), ("POST", "/cart/1", 405), ("GET", "/cart/2", 200),
]  # fmt: skip


def drive(port: int) -> None:
    for method, path, expected in REQUESTS:
        status, _ = get(port, path, method=method)
        assert status == expected, path


def numbers(path: Path) -> dict[str, Any]:
    """The numbers of each file in a JSON report of coverage.py."""
    kinds = ("executed_lines", "missing_lines", "excluded_lines", "executed_branches", "missing_branches", "summary")
    files = json.loads(path.read_text())["files"]
    return {name: {kind: file[kind] for kind in kinds if kind in file} for name, file in files.items()}


def finish(server: subprocess.Popen[str]) -> None:
    assert server.stdin is not None
    server.stdin.write("end\n")
    server.stdin.flush()
    assert server.wait(60) == 0


def environ() -> dict[str, str]:
    outer = ("COV_CORE", "COVERAGE_")
    return {name: value for name, value in os.environ.items() if not name.startswith(outer)}


def measured_by_coverage(folder: Path) -> dict[str, Any]:
    script = write_script(folder / "serve.py")
    with process([PYTHON, "-m", "coverage", "run", str(script)], environ(), folder) as server:
        drive(read_port(server, LISTENING))
        finish(server)
    subprocess.run([PYTHON, "-m", "coverage", "json", "-q", "-o", "truth.json"], check=True, env=environ(), cwd=folder)
    return numbers(folder / "truth.json")


def measured_live(folder: Path, engine: str) -> dict[str, Any]:
    command = [PYTHON, "-m", "flask", "--app", "application", "livecov", "serve", "--port", "0", "--no-report"]
    with process(command, {**environ(), "LIVECOVERAGE_ENGINE": engine}, folder) as server:
        port = read_port(server, " * Running on ")
        drive(port)
        assert get(port, "/shutdown") == (200, b"Server shutting down...")
        assert server.wait(60) == 0
    report = ["livecov", "report", "--format", "json", "--output", "live.json"]
    subprocess.run([PYTHON, "-m", "flask", *report], check=True, env=environ(), cwd=folder, capture_output=True)
    return numbers(folder / "live.json")


Measured = tuple[Path, bool, dict[str, Any]]


@pytest.fixture(scope="module", params=[False, True], ids=["lines", "branches"])
def truth(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    """The application's folder, whether branches are measured, and the numbers of `coverage run`."""
    folder, branch = tmp_path_factory.mktemp("truth"), request.param
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    (folder / ".coveragerc").write_text(f"[run]\nbranch = {branch}\nsource = application\n")
    return folder, branch, measured_by_coverage(folder)


def test_numbers_equal_those_of_coverage_run(truth: Measured, engine_name: str) -> None:
    folder, branch, expected = truth
    if branch and engine_name == "monitoring":
        pytest.skip("the monitoring engine measures no branches")
    found = measured_live(folder, engine_name)
    if coverage.version_info < (7, 13, 1):
        # Reports of these versions contain lines that are not in the file.
        trees = {**expected[TREES], "executed_lines": found[TREES]["executed_lines"]}
        expected = {**expected, TREES: trees}
    assert found == expected
    # The size of a journal depends on how many lines ran, not on their line numbers.
    assert max(journal.stat().st_size for journal in folder.rglob("journal-*.jsonl")) < 30_000


def test_truth_has_lines_of_each_kind(truth: Measured) -> None:
    _, branch, expected = truth
    assert expected.keys() == set(FILES)
    models = expected["application/models.py"]
    assert all(models[f"{kind}_lines"] for kind in ("executed", "missing", "excluded"))
    assert bool(models.get("executed_branches")) is branch
