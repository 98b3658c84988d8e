"""Tests of greenlets and traced_stacks: greenlets share a thread and its trace function, but not their lines.

Tests ``engines.greenlets`` and ``engines.weak_key_map``.
"""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import coverage
import pytest

from flask_livecoverage import EngineError
from flask_livecoverage.engines import Capture, Engine, choose_engine
from flask_livecoverage.sources.selection import Sources

from .conftest import captured

greenlet = pytest.importorskip("greenlet", reason="greenlet is not installed")

# Two files, so that a line that is added to the wrong one is detected. Each view of the first switches to greenlets
# that run the second, and continues with no call between, so only the switch itself indicates that the stack changes.
FIRST = """
    import greenlet

    import second

    def view(main):
        one = greenlet.greenlet(second.work)
        one.switch(main)
        between = 1  # view
        one.switch()
        after = second.leaf()
        return after  # view

    def raising(main):
        one = greenlet.greenlet(second.failing)
        try:
            one.switch(main)
        except ValueError:
            caught = second.leaf()  # raising
        one = greenlet.greenlet(second.work)
        one.switch(main)
        one.throw(greenlet.GreenletExit)
        return "thrown"  # raising

    def nested(main):
        one = greenlet.greenlet(second.outer)
        made = one.switch()
        return made  # nested
"""
SECOND = """
    import greenlet







    def work(main):
        begun = 1  # work
        main.switch()
        leaf()  # resumed
        return leaf()  # resumed

    def leaf():
        return 5  # leaf

    def failing(main):
        raise ValueError  # failing

    def outer():
        two = greenlet.greenlet(leaf)  # outer
        made = two.switch()  # outer
        return made  # outer
"""


@pytest.fixture
def modules(load_module: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> tuple[ModuleType, ModuleType]:
    second = load_module(SECOND)
    monkeypatch.setitem(sys.modules, "second", second)
    return load_module(FIRST), second


@pytest.fixture(params=["lines", "branches"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    if request.param == "branches":
        Path(".coveragerc").write_text("[run]\nbranch = true\n")
    engine, _ = choose_engine(Sources([str(tmp_path)]), "ctrace")
    engine.start()
    yield engine
    engine.stop()


def function_lines(function: Any, *but: str) -> set[int]:
    """Return the lines of a function that run, without those that contain one of the texts."""
    code = function.__code__
    source = Path(code.co_filename).read_text().splitlines()
    return {
        line
        for _, _, line in code.co_lines()
        if line and line != code.co_firstlineno and not any(text in source[line - 1] for text in but)
    }


def assert_lines(hits: dict[str, frozenset[int]], modules: tuple[ModuleType, ...], *expected: set[int]) -> None:
    assert {path: sorted(lines) for path, lines in hits.items()} == {
        str(module.__file__): sorted(lines) for module, lines in zip(modules, expected, strict=True)
    }


def test_greenlets_of_one_capture(engine: Engine, modules: tuple[ModuleType, ModuleType]) -> None:
    first, second = modules
    main = greenlet.getcurrent()
    leaf, work = function_lines(second.leaf), function_lines(second.work)
    engine.ambient()
    for _ in range(3):
        assert_lines(captured(engine, lambda: first.view(main)), modules, function_lines(first.view), work | leaf)
        assert_lines(
            captured(engine, lambda: first.raising(main)),
            modules,
            function_lines(first.raising),
            function_lines(second.work, "# resumed") | function_lines(second.failing) | leaf,
        )
        assert_lines(
            captured(engine, lambda: first.nested(main)),
            modules,
            function_lines(first.nested),
            function_lines(second.outer) | leaf,
        )
    assert engine.ambient() == {}
    assert engine.late() == []


def test_captures_that_take_turns(engine: Engine, modules: tuple[ModuleType, ModuleType]) -> None:
    """Each in a greenlet of its own, as under a server with greenlets; others run outside of any."""
    _, second = modules
    main = greenlet.getcurrent()
    found: list[dict[str, frozenset[int]]] = []
    engine.ambient()

    def request() -> None:
        for _ in range(3):
            found.append(captured(engine, lambda: (second.work(main), main.switch())))

    greenlets = [greenlet.greenlet(request) for _ in range(4)]
    outside = greenlet.greenlet(lambda: [(second.leaf(), main.switch()) for _ in range(20)])
    while any(not each.dead for each in greenlets):
        for each in (outside, *greenlets):
            each.switch()
    outside.throw(greenlet.GreenletExit)
    expected = function_lines(second.work) | function_lines(second.leaf)
    assert len(found) == 12
    for hits in found:
        assert_lines(hits, (second,), expected)
    assert_lines(engine.ambient(), (second,), function_lines(second.leaf))


def test_greenlet_that_outlives_its_capture(engine: Engine, modules: tuple[ModuleType, ModuleType]) -> None:
    """Its lines after that are late lines of the capture in which it began, whatever switches to it."""
    _, second = modules
    main = greenlet.getcurrent()
    one = greenlet.greenlet(second.work)
    capture = engine.begin()
    one.switch(main)
    assert_lines(engine.end(capture), (second,), function_lines(second.work, "# resumed"))
    another = captured(engine, one.switch)
    assert another == {}
    late: list[tuple[Capture, Any]] = engine.late()
    assert [found for found, _ in late] == [capture]
    assert_lines(late[0][1], (second,), function_lines(second.work) | function_lines(second.leaf))
    assert engine.late() == []


def test_greenlet_older_than_the_engine(tmp_path: Path, modules: tuple[ModuleType, ModuleType]) -> None:
    _, second = modules
    main = greenlet.getcurrent()
    one = greenlet.greenlet(second.work)
    one.switch(main)
    engine, _ = choose_engine(Sources([str(tmp_path)]), "ctrace")
    engine.start()
    try:
        one.switch()
        hits = engine.ambient()
    finally:
        engine.stop()
    assert_lines(hits, (second,), function_lines(second.work, "# work", "main.switch()") | function_lines(second.leaf))


def test_restarted_engine(tmp_path: Path, modules: tuple[ModuleType, ModuleType]) -> None:
    first, second = modules
    main = greenlet.getcurrent()
    before = greenlet.gettrace()
    expected = function_lines(first.view), function_lines(second.work) | function_lines(second.leaf)
    for _ in range(3):
        engine, _ = choose_engine(Sources([str(tmp_path)]), "ctrace")
        engine.start()
        assert_lines(captured(engine, lambda: first.view(main)), modules, *expected)
        engine.stop()
        assert greenlet.gettrace() is before


def test_switch_hook_of_another_package(engine: Engine, modules: tuple[ModuleType, ModuleType]) -> None:
    first, second = modules
    main = greenlet.getcurrent()
    seen: list[str] = []
    previous = greenlet.settrace(lambda event, greenlets: (seen.append(event), previous and previous(event, greenlets)))
    try:
        hits = captured(engine, lambda: first.view(main))
    finally:
        greenlet.settrace(previous)
    assert_lines(hits, modules, function_lines(first.view), function_lines(second.work) | function_lines(second.leaf))
    assert seen == ["switch"] * 4


LAZY = """
    import sys

    from flask_livecoverage.engines import choose_engine
    from flask_livecoverage.sources.selection import Sources

    engine, _ = choose_engine(Sources(["first", "second"]), "ctrace")
    engine.start()
    capture = engine.begin()
    import views
    assert "greenlet" not in sys.modules
    views.view()
    print({path.rpartition("/")[2]: sorted(lines) for path, lines in engine.end(capture).items()})
    engine.stop()
"""


def test_greenlet_that_is_imported_within_a_capture(tmp_path: Path) -> None:
    """As SQLAlchemy does at its first asynchronous call."""
    Path("second.py").write_text("def work(main):\n    main.switch()\n    return 3\n")
    Path("views.py").write_text("def view():\n    import first\n    return first.view()\n")
    Path("first.py").write_text(
        "import greenlet, second\n\n\n\n\n"
        "def view():\n    one = greenlet.greenlet(second.work)\n"
        "    one.switch(greenlet.getcurrent())\n    one.switch()\n"
    )
    Path("script.py").write_text(textwrap.dedent(LAZY))
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, timeout=60)
    assert done.stdout == "{'first.py': [1, 6, 7, 8, 9], 'second.py': [1, 2, 3]}\n", done.stderr


BESIDE = """
    import first
    import greenlet

    from flask_livecoverage import EngineError
    from flask_livecoverage.engines import choose_engine
    from flask_livecoverage.sources.selection import Sources

    engine, _ = choose_engine(Sources(["first", "second"]), "ctrace")
    engine.start()
    for _ in range(2):
        capture = engine.begin()
        first.view(greenlet.getcurrent())
        try:
            hits = engine.end(capture)
        except EngineError as error:
            print(error)
        else:
            print({path.rpartition("/")[2]: sorted(lines) for path, lines in hits.items()})
    engine.stop()
"""


@pytest.mark.parametrize("concurrency", ["greenlet", "thread,greenlet", "thread"])
def test_beside_another_coverage(concurrency: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tracer is borrowed, and separates greenlets if it is configured for them."""
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    for name, text in (("first", FIRST), ("second", SECOND), ("script", BESIDE)):
        Path(f"{name}.py").write_text(textwrap.dedent(text).lstrip("\n"))
    command = [sys.executable, "-m", "coverage", "run", f"--concurrency={concurrency}", "--include=first.py,second.py"]
    done = subprocess.run([*command, "script.py"], capture_output=True, text=True, timeout=60)
    if concurrency == "thread":
        assert done.stdout.count("set concurrency = greenlet under [run]") == 2, done.stderr
        return
    lines = {"first.py": [6, 7, 8, 9, 10, 11], "second.py": [10, 11, 12, 13, 16]}
    assert done.stdout == f"{lines}\n" * 2, done.stderr
    data = coverage.CoverageData()
    data.read()
    totals = {Path(path).name: sorted(data.lines(path) or ()) for path in data.measured_files()}
    data.close()
    assert totals == {
        "first.py": sorted({1, 3, 5, 13, 24, *lines["first.py"]}),
        "second.py": sorted({1, 9, 15, 18, 21, *lines["second.py"]}),
    }


GEVENT = """
    from gevent import monkey

    monkey.patch_all()

    import sys

    import gevent

    from flask_livecoverage.engines import choose_engine
    from flask_livecoverage.sources.selection import Sources
    import program

    engine, _ = choose_engine(Sources(["program"]), sys.argv[1])
    engine.start()
    wrong = 0


    def request(n):
        global wrong
        for _ in range(50):
            capture = engine.begin()
            program.view(n)
            lines = sorted(engine.end(capture)[program.__file__])
            wrong += lines != ([5, 6, 7, 8, 11] if n % 2 else [5, 6, 7, 10, 11])


    gevent.joinall([gevent.spawn(request, n) for n in range(8)], raise_error=True)
    engine.stop()
    print("wrong:", wrong)
"""

PROGRAM = """
    import gevent


    def view(n):
        gevent.sleep(0)
        gevent.sleep(0)
        if n % 2:
            n += 1
        else:
            n += 2
        gevent.sleep(0)
"""


@pytest.mark.parametrize("branch", [False, True], ids=["lines", "branches"])
def test_gevent(engine_name: str, branch: bool) -> None:
    pytest.importorskip("gevent", reason="gevent is not installed")
    if branch:
        if engine_name == "monitoring":
            pytest.skip("the monitoring engine measures lines")
        Path(".coveragerc").write_text("[run]\nbranch = true\n")
    Path("program.py").write_text(textwrap.dedent(PROGRAM).lstrip())
    Path("script.py").write_text(textwrap.dedent(GEVENT).lstrip())
    done = subprocess.run([sys.executable, "script.py", engine_name], capture_output=True, text=True, timeout=60)
    assert done.stdout == "wrong: 0\n", done.stderr


def test_sharing_is_refused_in_a_greenlet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A capture cannot begin in a greenlet whose borrowed tracer does not separate greenlets."""
    monkeypatch.setenv("COVERAGE_CORE", "ctrace")
    lender = coverage.Coverage(data_file=None)
    refused: list[str] = []
    with lender.collect():
        engine, _ = choose_engine(Sources([str(tmp_path)]), "ctrace")
        engine.start()

        def begin() -> None:
            try:
                engine.begin()
            except EngineError as error:
                refused.append(str(error))

        greenlet.greenlet(begin).switch()
        engine.stop()
    lender.get_data().close(force=True)
    assert "set concurrency = greenlet" in refused[0]
