"""Tests of the interface that all engines share.

Tests ``engines.base``, ``engines.ctrace``, ``engines.monitoring`` and ``engines.trace_data``.
"""

from __future__ import annotations

import ast
import asyncio
import contextvars
import random
import sys
import threading
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flask_livecoverage.engines import Capture, Engine, Hits, choose_engine
from flask_livecoverage.sources.selection import Sources

from ..support.lines import lines_of
from .conftest import captured, locations_of
from .program import lines


def test_lines_of_one_capture(engine: Engine, program: ModuleType) -> None:
    assert lines(captured(engine, lambda: program.simple(1)), program) == lines_of(program, "if x:", "simple yes")
    assert lines(captured(engine, lambda: program.simple(0)), program) == lines_of(program, "if x:", "simple no")


def test_capture_without_application_code_is_empty(engine: Engine) -> None:
    assert captured(engine, lambda: sorted([3, 1, 2])) == {}


def test_equal_lines_are_the_same_object(engine: Engine, program: ModuleType) -> None:
    first = captured(engine, lambda: program.simple(1))
    assert captured(engine, lambda: program.simple(1)) is first


def test_lines_up_to_an_exception(engine: Engine, program: ModuleType) -> None:
    capture = engine.begin()
    with pytest.raises(ValueError, match="1"):
        program.failing()
    assert lines(engine.end(capture), program) == lines_of(program, "failing first", "failing second")


@pytest.mark.parametrize("seed", range(40))
def test_lines_before_the_definition(engine: Engine, engine_name: str, tmp_path: Path, seed: int) -> None:
    """Code built from a tree may have any line numbers. Each statement records its own.

    Python from 3.14 on confuses lines that are a multiple of 256 apart, and reports only the first.
    """
    if engine_name == "ctrace" and sys.version_info >= (3, 14):
        pytest.skip("Python from 3.14 on gives trace functions wrong numbers for these lines")
    chance = random.Random(seed)
    first = chance.choice([10, 100, 300, 1000, 70_000])
    offsets = chance.sample(range(1, 250, 4), chance.randrange(1, 40))
    path = tmp_path / "made.py"
    path.write_text("#\n" * 100_000)
    made = function_from_tree(str(path), first, [n + 256 * chance.randrange(first // 256 + 2) for n in offsets])
    for argument in (1, 2):
        ran: list[int] = []
        hits = captured(engine, lambda ran=ran, argument=argument: made(ran, argument))
        assert hits == {str(path): set(ran)}


def function_from_tree(filename: str, first: int, numbers: list[int]) -> Callable[[list[int], int], None]:
    """Return a function defined at line ``first`` whose statements, at the lines ``numbers``, record their lines."""
    text = ["def made(ran, x):"]
    for number in numbers:
        text += [f"    ran.append({number})", f"    if ran.append({number + 1}) or x % 2:"]
        text += [f"        ran.append({number + 2})", "    else:", f"        ran.append({number + 3})"]
    tree = ast.parse("\n".join(text))
    ast.increment_lineno(tree, first - 1)
    for statement in ast.walk(tree.body[0]):
        if isinstance(statement, ast.If | ast.Expr):
            inside = list(ast.walk(statement.test if isinstance(statement, ast.If) else statement))
            number = next(node.args[0].value for node in inside if isinstance(node, ast.Call))  # type: ignore[attr-defined]
            for node in (statement, *inside):
                node.lineno = node.end_lineno = number  # type: ignore[attr-defined]
    namespace: dict[str, Any] = {}
    exec(compile(tree, filename, "exec"), namespace)
    made: Callable[[list[int], int], None] = namespace["made"]
    return made


def test_many_starts_of_hot_code(engine: Engine, program: ModuleType) -> None:
    """Code that was started so often that its start event was disabled is measured again in the next capture."""

    def often() -> None:
        for _ in range(200):
            program.simple(1)

    captured(engine, often)
    assert lines(captured(engine, lambda: program.simple(0)), program) == lines_of(program, "if x:", "simple no")
    assert lines(captured(engine, often), program) == lines_of(program, "if x:", "simple yes")


@pytest.mark.parametrize("name", ["greenlet", "gevent.monkey"])
def test_while_another_thread_imports(
    engine: Engine, program: ModuleType, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A module is in ``sys.modules`` before it has its content."""
    partial_module = ModuleType(name)
    partial_module.__spec__ = ModuleSpec(name, None)
    partial_module.__spec__._initializing = True  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, partial_module)
    engine.start()
    assert lines(captured(engine, lambda: program.simple(1)), program) == lines_of(program, "if x:", "simple yes")


def test_only_hot_code_is_disabled(engine: Engine, engine_name: str, program: ModuleType) -> None:
    """Disabling code that runs a few times would cost more than it saves, since the next capture needs it again."""
    if engine_name == "ctrace":
        pytest.skip("ctrace disables nothing")
    locations = locations_of(engine)
    captured(engine, lambda: program.loop(5))
    assert not locations.dirty
    captured(engine, lambda: program.loop(1000))
    assert list(locations.dirty.values()) == [program.loop.__code__]
    expected = lines_of(program, "for i in", "loop body", "return n")
    assert lines(captured(engine, lambda: program.loop(5)), program) == expected
    assert not locations.dirty


def test_outer_capture_includes_the_lines_of_inner_ones(engine: Engine, program: ModuleType) -> None:
    program.simple(0)
    outer = engine.begin()
    program.simple(1)
    inner = captured(engine, lambda: (program.simple(0), program.loop(1)))
    program.loop(0)
    hits = engine.end(outer)
    loop = lines_of(program, "for i in", "loop body", "return n")
    assert lines(inner, program) == sorted([*lines_of(program, "if x:", "simple no"), *loop])
    assert lines(hits, program) == sorted([*lines_of(program, "if x:", "simple no", "simple yes"), *loop])


def test_code_that_only_the_inner_capture_has_visited(engine: Engine, program: ModuleType) -> None:
    """The outer capture gets the inner one's lines, but must still collect what it runs in the same code itself."""
    captured(engine, lambda: (program.simple(0), program.simple(1)))
    outer = engine.begin()
    captured(engine, lambda: program.simple(0))
    program.simple(1)
    assert lines(engine.end(outer), program) == lines_of(program, "if x:", "simple no", "simple yes")


def test_ambient_lines_are_those_outside_captures_since_the_last_call(engine: Engine, program: ModuleType) -> None:
    engine.ambient()
    program.simple(1)
    captured(engine, lambda: program.simple(0))
    assert lines(engine.ambient(), program) == lines_of(program, "if x:", "simple yes")
    assert engine.ambient() == {}
    program.simple(1)
    assert lines(engine.ambient(), program) == lines_of(program, "if x:", "simple yes")


def test_import_is_ambient(engine: Engine, load_module: Callable[..., ModuleType]) -> None:
    module = load_module("value = 1  # one\n\ndef function():  # two\n    return value\n")
    assert lines(engine.ambient(), module) == [1, 3]


def test_threads_outside_captures_are_ambient(engine: Engine, program: ModuleType) -> None:
    engine.ambient()
    thread = threading.Thread(target=program.simple, args=(1,))
    capture = engine.begin()
    program.simple(0)
    hits = engine.end(capture)
    thread.start()
    thread.join()
    assert lines(hits, program) == lines_of(program, "if x:", "simple no")
    assert lines(engine.ambient(), program) == lines_of(program, "if x:", "simple yes")


def test_ended_threads_do_not_disturb_later_ones(engine: Engine, program: ModuleType) -> None:
    """The ids of threads that have ended are reused; freeing their tracers must not disturb the current thread."""
    expected = lines_of(program, "for i in", "loop body", "return n")
    found: list[Hits] = []
    kept: list[Capture] = []

    def work() -> None:
        kept.append(engine.begin())
        program.loop(2)
        found.append(engine.end(kept[-1]))

    for _ in range(20):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert [lines(hits, program) for hits in found] == [expected] * 20
    assert lines(captured(engine, lambda: (kept.clear(), program.loop(2))), program) == expected


def test_capture_in_a_thread_older_than_the_engine(engine_name: str, tmp_path: Path, program: ModuleType) -> None:
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    started, done = threading.Event(), threading.Event()
    found: list[Hits] = []

    def work() -> None:
        started.wait()
        found.append(captured(engine, lambda: program.simple(1)))
        done.wait()

    thread = threading.Thread(target=work)
    thread.start()
    engine.start()
    try:
        started.set()
    finally:
        done.set()
        thread.join()
        engine.stop()
    assert lines(found[0], program) == lines_of(program, "if x:", "simple yes")


def test_peek_at_an_open_capture(engine: Engine, program: ModuleType) -> None:
    capture = engine.begin()
    program.simple(1)
    so_far = engine.peek(capture)
    program.simple(0)
    assert lines(so_far, program) == lines_of(program, "if x:", "simple yes")
    assert lines(engine.end(capture), program) == lines_of(program, "if x:", "simple yes", "simple no")


def test_start_and_stop_twice(engine_name: str, tmp_path: Path, program: ModuleType) -> None:
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    for _ in range(2):
        engine.start()
        engine.start()
        assert lines(captured(engine, lambda: program.simple(1)), program) == lines_of(program, "if x:", "simple yes")
        engine.stop()
        engine.stop()


class TestContexts:
    """Captures that an engine can separate only by their contexts."""

    @pytest.fixture
    def engine_name(self, engine_name: str) -> str:
        if engine_name == "ctrace":
            pytest.skip("ctrace belongs to threads, not contexts")
        return engine_name

    def test_coroutines_interleaved_in_one_thread(self, engine: Engine, program: ModuleType) -> None:
        async def one(steps: int) -> Hits:
            capture = engine.begin()
            await program.waiting(None, steps)
            return engine.end(capture)

        async def all_of_them() -> list[Hits]:
            return await asyncio.gather(*(one(steps) for steps in (2, 3, 2, 3, 2)))

        expected = {
            steps: lines_of(program, "for step in", "await asyncio.sleep", "if steps == 2", text)
            for steps, text in ((2, "# two steps"), (3, "# other steps"))
        }
        for _ in range(20):
            found = asyncio.run(all_of_them())
            assert [lines(hits, program) for hits in found] == [expected[s] for s in (2, 3, 2, 3, 2)]

    def test_copied_context_at_work_after_the_end(self, engine: Engine, program: ModuleType) -> None:
        captured(engine, lambda: (program.simple(0), program.simple(1)))
        context: list[contextvars.Context] = []
        first = captured(engine, lambda: (program.simple(1), context.append(contextvars.copy_context())))
        # Other captures would disable its lines if no open capture needed them.
        for _ in range(100):
            captured(engine, lambda: (program.simple(0), program.simple(1), program.loop(2)))
        thread = threading.Thread(target=context[0].run, args=(program.simple, 0))
        thread.start()
        thread.join()
        [(_, late)] = engine.late()
        assert lines(first, program) == lines_of(program, "if x:", "simple yes")
        assert lines(late, program) == lines_of(program, "if x:", "simple yes", "simple no")
        context.clear()
        assert len(engine.late()) == 1
        assert engine.late() == []
