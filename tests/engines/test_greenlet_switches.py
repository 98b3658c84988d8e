"""The chain of greenlet's trace functions in a thread, of which several are ours and some may be others'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_livecoverage.engines.greenlet_switches import SwitchHook

greenlet = pytest.importorskip("greenlet")


@pytest.fixture(autouse=True)
def _trace_function_of_before() -> Iterator[None]:
    before = greenlet.settrace(None)
    yield
    greenlet.settrace(before)


class Ours(SwitchHook):
    """Notes that it was called, until it has ended."""

    def __init__(self) -> None:
        self.has_ended = False
        self.calls = 0
        self.install()

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        self.calls += not self.has_ended
        if self.previous is not None:
            self.previous(event, greenlets)

    def end(self) -> None:
        """As the engine and the recorder do it."""
        self.has_ended = True
        self.remove()


def set_others() -> Callable[..., None]:
    """Set a trace function that calls the one before it."""

    def other(event: str, greenlets: tuple[Any, Any]) -> None:
        if previous is not None:
            previous(event, greenlets)

    previous = greenlet.settrace(other)
    return other


def switch_once() -> None:
    greenlet.greenlet(int).switch()


def test_first_one_is_taken_away() -> None:
    ours = Ours()
    switch_once()
    assert ours.calls == 2  # there and back
    ours.end()
    assert greenlet.gettrace() is None


def test_another_in_front_stays() -> None:
    ours = Ours()
    other = set_others()
    ours.end()
    assert greenlet.gettrace() is other
    switch_once()
    assert ours.calls == 0


def test_one_of_ours_in_front_stays() -> None:
    first, second = Ours(), Ours()
    first.end()
    switch_once()
    assert (first.calls, second.calls) == (0, 2)
    second.end()
    assert greenlet.gettrace() is None


def test_those_that_have_ended_are_dropped() -> None:
    kept = Ours()
    for _ in range(3):
        last = Ours()
        before = [Ours(), Ours()]
        for function in [last, *before]:
            function.has_ended = True
    last = Ours()
    assert last.previous is kept
    assert kept.previous is None


def test_behind_another_they_stay() -> None:
    """What another has kept is not ours to change."""
    ours = Ours()
    other = set_others()
    ours.end()
    last = Ours()
    assert last.previous is other
    switch_once()
    assert (ours.calls, last.calls) == (0, 2)
