"""Code objects that are freed, and whose ids are reused.

Tests ``engines.locations`` and ``engines.file_decisions``.
"""

from __future__ import annotations

import random
import sys
import threading
import weakref
from collections import deque
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

from flask_livecoverage.engines import Engine
from flask_livecoverage.engines.file_decisions import FileDecisions
from flask_livecoverage.model.bounded import MAX_FILES
from flask_livecoverage.sources.selection import Sources

from .conftest import captured, locations_of

# The expected lines are recorded by the code itself: each statement adds its line to a set.
FILE_LINES = 400


@pytest.fixture
def path(tmp_path: Path) -> str:
    path = tmp_path / "made.py"
    path.write_text("#\n" * FILE_LINES)
    return str(path)


def code_of_function(path: str, chance: random.Random) -> CodeType:
    """Return a function ``made(ran, rounds)`` in the file: with a loop, conditional lines and an inner function."""
    text = [
        "def made(ran, rounds):",
        *(f"    # {number}" for number in range(chance.randrange(8))),
        "    def inner(number, _=ran.add(LINE)):",
        *(f"        # {number}" for number in range(chance.randrange(8))),
        "        ran.add(LINE); return number % 2",
        "    for number in range(rounds + (ran.add(LINE) or 0)):",
        "        ran.add(LINE)",
        "        if ran.add(LINE) or inner(number):",
        "            ran.add(LINE)",
        *("        ran.add(LINE)" for _ in range(chance.randrange(4))),
    ]
    before = chance.randrange(FILE_LINES - len(text))
    numbered = [line.replace("LINE", str(before + number)) for number, line in enumerate(text, 1)]
    module = compile("\n" * before + "\n".join(numbered), path, "exec")
    return next(constant for constant in module.co_consts if isinstance(constant, CodeType))


def wrong_answers(engine: Engine, path: str, seed: int, count: int) -> list[object]:
    """Return the errors in ``count`` requests in each of four threads, while a fifth requests the ambient lines."""
    wrong: deque[object] = deque()
    ids: deque[int] = deque()
    cached: weakref.WeakValueDictionary[int, CodeType] = weakref.WeakValueDictionary()
    ended = threading.Event()

    def work(number: int) -> None:
        chance = random.Random(f"{seed}-{number}")
        for _ in range(count):
            # Some code is referred to only by a weak reference between the calls.
            slot = chance.randrange(8)
            code = cached.get(slot)
            if code is None or chance.random() < 0.8:
                code = cached[slot] = code_of_function(path, chance)
                ids.append(id(code))
            ran: set[int] = set()
            rounds = chance.choice([0, 1, 2, 40])
            function = FunctionType(code, {})
            found = captured(engine, lambda function=function, ran=ran, rounds=rounds: function(ran, rounds))
            if found != {path: ran}:
                wrong.append((found, ran))
            del code, function

    def read_ambient() -> None:
        while not ended.wait(0.001):
            if engine.ambient().get(path):
                wrong.append("ambient")

    workers = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    reader = threading.Thread(target=read_ambient)
    reader.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    ended.set()
    reader.join()
    assert len(set(ids)) < 0.9 * len(ids)
    return list(wrong)


@pytest.mark.promise
@pytest.mark.parametrize("switch_interval", [1e-6, 1e-4, 5e-3])
def test_reused_ids(engine: Engine, path: str, switch_interval: float, thorough: bool) -> None:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(switch_interval)
    try:
        assert wrong_answers(engine, path, seed=7, count=10_000 if thorough else 1_200) == []
    finally:
        sys.setswitchinterval(interval)


def test_unused_code_is_freed(engine: Engine, path: str) -> None:
    chance = random.Random(1)
    references = []
    for _ in range(3_000):
        code = code_of_function(path, chance)
        captured(engine, lambda code=code: FunctionType(code, {})(set(), 40))
        # The same outside of captures.
        FunctionType(code, {})(set(), 40)
        references.append(weakref.ref(code))
    del code
    for _ in range(3):
        engine.ambient()
    alive = [reference for reference in references if reference() is not None]
    assert len(alive) < 10


def test_code_that_an_open_capture_has_visited_is_kept(engine: Engine, path: str) -> None:
    chance = random.Random(2)
    capture = engine.begin()
    expected: set[int] = set()
    for _ in range(2_000):
        code, ran = code_of_function(path, chance), set[int]()
        FunctionType(code, {})(ran, 3)
        expected |= ran
        if chance.random() < 0.01:
            engine.ambient()
    assert engine.peek(capture) == {path: expected}
    assert engine.end(capture) == {path: expected}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the monitoring engine needs sys.monitoring, new in Python 3.12")
@pytest.mark.parametrize("rounds", [1, 100])
def test_forgotten_code_that_comes_back(engine: Any, engine_name: str, path: str, rounds: int) -> None:
    """A weak reference can bring back code that has just been forgotten, and whose locations were disabled."""
    if engine_name == "ctrace":
        pytest.skip("ctrace keeps nothing of code objects")
    code = code_of_function(path, random.Random(3))
    function = FunctionType(code, {})
    capture = engine.begin()
    function(set(), rounds)
    assert not locations_of(engine).forget(code)
    engine.end(capture)

    assert locations_of(engine).forget(code)
    ran: set[int] = set()
    found = captured(engine, lambda: function(ran, rounds))
    assert found == {path: ran}
    assert captured(engine, lambda: function(ran, rounds)) == found


@pytest.mark.parametrize("name", ["<made {}>", "{folder}/made_{}.py"], ids=["not-measured", "measured"])
def test_ever_new_names_of_files(name: str, tmp_path: Path) -> None:
    """Decisions about the first files are kept, and those about the newest of the others."""
    import coverage.files

    first = tmp_path / "application.py"
    first.write_text("one = 1\n")
    decisions = FileDecisions(Sources([str(tmp_path)]))
    decisions.note(str(first), None)
    names = [name.format(number, folder=tmp_path) for number in range(2 * MAX_FILES)]
    for made in names:
        decisions.note(made, None)
    assert len(decisions.files) <= MAX_FILES
    assert len(coverage.files.CANONICAL_FILENAME_CACHE) <= MAX_FILES
    assert names[-1] in decisions.files
    path, line_limit = decisions.files[str(first)] or ("", 0)
    assert path == str(first)
    assert line_limit < MAX_FILES
