"""Tests of greenlet_switches: a thread's chain of greenlet's trace functions, hook and those of other packages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from flask_livecoverage.engines.greenlet_switches import SwitchHook

greenlet = pytest.importorskip("greenlet")


@pytest.fixture(autouse=True)
def _restore_trace_function() -> Iterator[None]:
    before = greenlet.settrace(None)
    yield
    greenlet.settrace(before)


class Hook(SwitchHook):
    """Counts its calls until it has ended."""

    def __init__(self) -> None:
        self.has_ended = False
        self.calls = 0
        self.install()

    def __call__(self, event: str, greenlets: tuple[Any, Any]) -> None:
        self.calls += not self.has_ended
        if self.previous is not None:
            self.previous(event, greenlets)

    def end(self) -> None:
        """End as the engine's and the recorder's hooks do."""
        self.has_ended = True
        self.remove()


def set_other_function() -> Callable[..., None]:
    """Set a trace function that calls the one before it."""

    def other(event: str, greenlets: tuple[Any, Any]) -> None:
        if previous is not None:
            previous(event, greenlets)

    previous = greenlet.settrace(other)
    return other


def switch_once() -> None:
    greenlet.greenlet(int).switch()


def test_first_hook_is_removed() -> None:
    hook = Hook()
    switch_once()
    assert hook.calls == 2  # there and back
    hook.end()
    assert greenlet.gettrace() is None


def test_function_of_another_package_in_front_stays() -> None:
    hook = Hook()
    other = set_other_function()
    hook.end()
    assert greenlet.gettrace() is other
    switch_once()
    assert hook.calls == 0


def test_hook_in_front_stays() -> None:
    first, second = Hook(), Hook()
    first.end()
    switch_once()
    assert (first.calls, second.calls) == (0, 2)
    second.end()
    assert greenlet.gettrace() is None


def test_ended_hooks_are_dropped() -> None:
    kept = Hook()
    for _ in range(3):
        last = Hook()
        before = [Hook(), Hook()]
        for function in [last, *before]:
            function.has_ended = True
    last = Hook()
    assert last.previous is kept
    assert kept.previous is None


def test_ended_hooks_after_another_packages_stay() -> None:
    """References that another package keeps cannot be changed."""
    hook = Hook()
    other = set_other_function()
    hook.end()
    last = Hook()
    assert last.previous is other
    switch_once()
    assert (hook.calls, last.calls) == (0, 2)
