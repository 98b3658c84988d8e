"""A program for the tests of all engines, and which of its lines were recorded."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType

import pytest

from flask_livecoverage.engines import Hits


def lines(hits: Hits, module: ModuleType) -> list[int]:
    return sorted(hits.get(str(module.__file__), ()))


PROGRAM = """
    import asyncio
    import threading

    def simple(x):
        if x:
            return "yes"  # simple yes
        return "no"  # simple no

    def loop(n):
        for i in range(n):
            last = i  # loop body
        return n

    def stream():
        yield 1  # first
        yield 2  # second
        try:
            yield 3  # third
        finally:
            cleaned = True  # cleaned

    def catching():
        try:
            yield 1  # before throw
        except KeyError:
            yield 2  # thrown
        yield 3

    async def waiting(event, steps):
        for step in range(steps):
            await asyncio.sleep(0)
        if steps == 2:
            two = True  # two steps
        else:
            other = True  # other steps

    def failing():
        first = 1  # failing first
        raise ValueError(first)  # failing second
        never = 2
"""


@pytest.fixture
def program(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(PROGRAM)
