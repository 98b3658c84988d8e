"""Generators and coroutines: each step belongs to the capture that takes it, whichever began them.

Tests ``engines.ctrace`` and ``engines.monitoring``.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from flask_livecoverage.engines import Engine, choose_engine
from flask_livecoverage.sources.selection import Sources
from tests.engines.exactness.harness import lines_alone

from ..support.lines import lines_of
from .conftest import captured
from .program import lines


def test_generator_resumed_in_turn_by_two_captures(engine: Engine, program: ModuleType) -> None:
    stream = program.stream()
    assert lines(captured(engine, lambda: next(stream)), program) == lines_of(program, "# first")
    assert lines(captured(engine, lambda: next(stream)), program) == lines_of(program, "# second")
    assert lines(captured(engine, lambda: next(stream)), program) == [
        line - 1 for line in lines_of(program, "# third")
    ] + lines_of(program, "# third")
    assert lines(captured(engine, stream.close), program) == lines_of(program, "# cleaned")


def test_generator_resumed_in_another_thread(engine: Engine, program: ModuleType) -> None:
    """Each step belongs to the capture that takes it, and to none outside of captures, whichever began the generator.

    The capture that began it is open all the time.
    """
    with ThreadPoolExecutor(1) as pool:
        # Older than the captures: where threads inherit contexts, it would work in one of them.
        pool.submit(int).result()
        for _ in range(2):
            engine.ambient()
            stream = program.stream()
            began = engine.begin()
            next(stream)
            elsewhere = pool.submit(captured, engine, partial(next, stream)).result()
            next(stream)
            pool.submit(stream.close).result()
            here, outside = engine.end(began), engine.ambient()
            third = lines_of(program, "# third")
            assert lines(here, program) == [*lines_of(program, "# first"), third[0] - 1, *third]
            assert lines(elsewhere, program) == lines_of(program, "# second")
            assert lines(outside, program) == lines_of(program, "# cleaned")


def test_generator_entered_by_throw_in_another_capture(engine: Engine, program: ModuleType) -> None:
    for _ in range(2):
        stream = program.catching()
        captured(engine, lambda stream=stream: next(stream))
        thrown = captured(engine, lambda stream=stream: stream.throw(KeyError()))
        assert lines(thrown, program) == lines_of(program, "except KeyError", "# thrown")


def test_generator_begun_before_the_engine(engine_name: str, tmp_path: Path, program: ModuleType) -> None:
    stream = program.stream()
    next(stream)
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    engine.start()
    try:
        assert lines(captured(engine, lambda: next(stream)), program) == lines_of(program, "# second")
    finally:
        engine.stop()
        stream.close()


OLDER = """
    def numbers():
        try:
            yield 1  # one
            yield 2  # two
        except ValueError:
            yield 3  # caught
        finally:
            ended = True  # ended
            del ended

    def outer():
        value = yield from numbers()  # outer
        yield value

    class Awaitable:
        def __await__(self):
            try:
                yield 1
            except ValueError:
                caught = True  # awaitable caught
            return 2

    async def coroutine():
        try:
            return await Awaitable()
        finally:
            ended = True  # coroutine ended

    async def asynchronous():
        try:
            yield 1
            yield 2
        except ValueError:
            yield 3  # asynchronous caught
        finally:
            ended = True  # asynchronous ended

    def close(generator):
        generator.close()

    def throw(generator):
        try:
            generator.throw(ValueError())
        except StopIteration:
            stopped = True  # stopped

    def async_throw(generator):
        try:
            generator.athrow(ValueError()).send(None)
        except StopIteration:
            stopped = True  # asynchronous stopped

    def async_close(generator):
        try:
            generator.aclose().send(None)
        except StopIteration:
            closed = True  # asynchronous closed

"""


def _started(module: ModuleType, name: str) -> Any:
    generator = getattr(module, name)()
    step = generator.asend(None) if name == "asynchronous" else generator
    with suppress(StopIteration):
        step.send(None)
    return generator


@pytest.mark.parametrize(
    ("name", "entered_by"),
    [
        *itertools.product(("numbers", "outer", "coroutine"), ("throw", "close")),
        ("asynchronous", "async_throw"),
        ("asynchronous", "async_close"),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_generator_begun_before_the_engine_and_entered_by_an_exception(
    engine_name: str, tmp_path: Path, load_module: Callable[..., ModuleType], name: str, entered_by: str, known: bool
) -> None:
    if engine_name == "ctrace" and sys.version_info < (3, 12) and (name, entered_by) == ("coroutine", "throw"):
        pytest.skip("Python 3.11 sends trace functions, coverage.py's too, a return without its call: see Limits")
    module = load_module(OLDER)
    enter = getattr(module, entered_by)
    alone, generator = _started(module, name), _started(module, name)
    expected = lines_alone(str(module.__file__), lambda: enter(alone))
    engine, _ = choose_engine(Sources([str(tmp_path)]), engine_name)
    engine.start()
    try:
        if known:
            captured(engine, lambda: _started(module, name))
        found = [captured(engine, lambda: enter(generator)).get(str(module.__file__))]
        generator = _started(module, name)
        found.append(captured(engine, lambda: enter(generator)).get(str(module.__file__)))
    finally:
        engine.stop()
    assert found == [expected, expected]
