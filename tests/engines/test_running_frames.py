"""Tests of running_frames: the remaining lines of functions that run when the engine starts are measured.

Tests ``engines.running_frames``.
"""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import coverage
import pytest

from flask_livecoverage.engines import Engine, choose_engine
from flask_livecoverage.sources.selection import Sources

Load = Callable[..., ModuleType]

# Lines that run after the engine's start are marked.
PROGRAM = """
    def leaf():
        return 5  # after

    def inner(start):
        made = 1
        start()
        made = 2  # after
        return made  # after

    def outer(start):
        made = inner(start)
        for number in range(2):  # after
            made += leaf()  # after
        return made  # after

    def raising(start):
        try:
            failing(start)
        except ValueError:  # after
            made = leaf()  # after
        return made  # after

    def failing(start):
        start()
        raise ValueError  # after

    def generating(start):
        yield 1
        start()
        yield leaf()  # after
        yield 3  # after

    def listing(start):
        made = list(generating(start))
        return made  # after

    def managing(start):
        with open(__file__) as file:  # after, when it is left
            start()
            made = leaf()  # after
        return made  # after

    async def waiting(start):
        start()
        return leaf()  # after

    async def awaiting(start):
        made = await waiting(start)
        return made + leaf()  # after

    def in_class(start):
        class Made:
            start()
            made = leaf()  # after
        return Made  # after

    def run(coroutine):
        try:
            coroutine.send(None)
        except StopIteration as ended:  # after
            return ended.value  # after
"""

CALLS: dict[str, Callable[[ModuleType, Callable[[], None]], object]] = {
    "functions": lambda program, start: program.outer(start),
    "an exception": lambda program, start: program.raising(start),
    "a generator": lambda program, start: program.listing(start),
    "a with block": lambda program, start: program.managing(start),
    "coroutines": lambda program, start: program.run(program.awaiting(start)),
    "a class": lambda program, start: program.in_class(start),
}


@pytest.fixture
def engine(engine_name: str, tmp_path: Path) -> Iterator[Engine]:
    """The engine, not started."""
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    yield engine
    engine.stop()


def after(module: ModuleType, *functions: Callable[..., object]) -> list[int]:
    """Return the marked lines of these functions, including nested code."""
    found = []
    source = Path(str(module.__file__)).read_text().splitlines()
    for function in functions:
        first = function.__code__.co_firstlineno
        for number, line in enumerate(source[first:], first + 1):
            if line and not line.startswith(" "):
                break
            if "# after" in line:
                found.append(number)
    return sorted(found)


FUNCTIONS = {
    "functions": ["inner", "outer", "leaf"],
    "an exception": ["raising", "failing", "leaf"],
    "a generator": ["generating", "listing", "leaf"],
    "a with block": ["managing", "leaf"],
    "coroutines": ["waiting", "awaiting", "run", "leaf"],
    "a class": ["in_class", "leaf"],
}


@pytest.mark.parametrize("name", CALLS)
def test_remaining_lines(engine: Engine, load_module: Load, name: str) -> None:
    program = load_module(PROGRAM)
    CALLS[name](program, engine.start)
    found = engine.ambient()
    expected = after(program, *(getattr(program, function) for function in FUNCTIONS[name]))
    assert sorted(found[str(program.__file__)]) == expected
    assert list(found) == [str(program.__file__)]
    # Functions that are entered afterwards are measured normally.
    capture = engine.begin()
    program.leaf()
    assert {path: sorted(lines) for path, lines in engine.end(capture).items()} == {
        str(program.__file__): after(program, program.leaf)
    }
    assert engine.ambient() == {}


THREAD = """
    def work(lock, ready):
        before = 1
        ready.set()
        lock.acquire()
        one = 1  # after
        two = 2  # after
        for number in range(2):  # after
            leaf()  # after
        return leaf()  # after

    def leaf():
        return 5  # after
"""


def test_running_thread(engine: Engine, load_module: Load) -> None:
    """On Python 3.11, another thread's trace function cannot be set, so its lines are missing there, but no others."""
    program = load_module(THREAD)
    lock, ready = threading.Lock(), threading.Event()
    lock.acquire()
    thread = threading.Thread(target=program.work, args=(lock, ready))
    thread.start()
    ready.wait()
    engine.start()
    lock.release()
    thread.join()
    found = sorted(engine.ambient().get(str(program.__file__), ()))
    assert found == ([] if sys.version_info < (3, 12) else after(program, program.work, program.leaf))


def test_suspended_greenlet(engine: Engine, load_module: Load) -> None:
    greenlet = pytest.importorskip("greenlet", reason="greenlet is not installed")
    program = load_module("""
        def work(switch):
            wait(switch)
            return leaf()  # after

        def wait(switch):
            switch()
            return leaf()  # after

        def leaf():
            return 5  # after
    """)
    waiting = greenlet.greenlet(program.work)
    waiting.switch(greenlet.getcurrent().switch)
    engine.start()
    waiting.switch()
    found = sorted(engine.ambient()[str(program.__file__)])
    assert found == after(program, program.work, program.wait, program.leaf)


SCRIPT = """
    import factory  # before

    made = 1  # before
    app = factory.create_app()  # before
    made = 2
    if made > 1:
        client = app.test_client()
    assert client.get("/").text == "10"
    try:
        factory.failing()
    except ValueError:
        made = 3
    made = 4
    if len(__import__("sys").argv) > 1:
        import json
        found = factory.livecov.dump()["files"]
        print(json.dumps({path: file["executed_lines"] for path, file in found.items()}))
"""

FACTORY = """
    from flask import Flask  # before
    from flask_livecoverage import LiveCoverage  # before

    livecov = LiveCoverage()  # before
    limit = 5  # before

    def create_app():  # before
        app = Flask(__name__)  # before
        if limit:  # before
            livecov.init_app(app)  # before
        numbers = []
        for number in range(2):
            if number:
                numbers.append(number)

        @app.get("/")
        def index():
            return str(
                limit * 2
            )

        return finish(app)

    def finish(app):  # before
        if not app:
            return None
        return app

    def failing():  # before
        raise ValueError
"""


@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_module_factory_and_script(engine_name: str, branch: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines from ``init_app`` on are measured. The oracle is coverage.py, which measures the script from line 1."""
    if branch and engine_name == "monitoring":
        pytest.skip("the monitoring engine measures lines")
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    monkeypatch.setenv("LIVECOVERAGE_ENGINE", engine_name)
    monkeypatch.delenv("LIVECOVERAGE_PURE_PYTHON", raising=False)
    Path(".coveragerc").write_text(f"[run]\nsource = .\nbranch = {branch}\n")
    for name, text in (("script", SCRIPT), ("factory", FACTORY)):
        Path(f"{name}.py").write_text(textwrap.dedent(text).lstrip())
    _run("-m", "coverage", "run", "script.py")
    expected = {"script.py": _lines_after("script.py"), "factory.py": _lines_after("factory.py")}
    monkeypatch.setenv("LIVECOVERAGE", "1")
    tail = Path("script.py").read_text().splitlines().index('if len(__import__("sys").argv) > 1:') + 1
    found = eval(_run("script.py", "dump"))
    found["script.py"] = [line for line in found["script.py"] if line <= tail]
    if branch:
        # The branch that leaves the line of the call includes that line, too.
        assert {path: set(lines) - expected[path] for path, lines in found.items()} == {
            "script.py": {4},
            "factory.py": {10},
        }
        found = {path: set(lines) & expected[path] for path, lines in found.items()}
    assert {path: sorted(lines) for path, lines in found.items()} == {
        path: sorted(lines) for path, lines in expected.items()
    }


def _run(*command: str) -> str:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _lines_after(path: str) -> set[int]:
    measured = coverage.Coverage()
    measured.load()
    _, statements, _, missing, _ = measured.analysis2(path)
    measured.get_data().close()
    source = Path(path).read_text().splitlines()
    return {line for line in set(statements) - set(missing) if not re.search("# before$", source[line - 1])}
