"""Tests of gc_watch: events are delivered during a garbage collection that runs in a callback."""

from __future__ import annotations

import _thread
import gc
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import CodeType, FrameType, ModuleType
from typing import Any

import pytest

from ..support.lines import lines_of

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="sys.monitoring is new in Python 3.12")

PROGRAM = """
    def finalize():
        return "ran"  # finalizer

    def work():
        first = 1
        return first
"""


@pytest.fixture
def program(load_module: Callable[..., ModuleType]) -> ModuleType:
    return load_module(PROGRAM)


class Monitoring:
    """Records the lines of a program, in a callback that runs the garbage collector on demand."""

    def __init__(self) -> None:
        self.lines: list[int] = []
        self.is_collection_due = False

    def on_line(self, code: CodeType, line: int) -> None:
        self.lines.append(line)
        if self.is_collection_due:
            self.is_collection_due = False
            gc.collect()

    def collecting(self, call: Callable[[], object]) -> list[int]:
        """Return the lines of a call during whose first callback the collector runs."""
        self.lines.clear()
        self.is_collection_due = True
        call()
        return list(self.lines)


@pytest.fixture
def monitoring(program: ModuleType) -> Iterator[Monitoring]:
    monitoring = Monitoring()
    tool = next(tool for tool in range(6) if sys.monitoring.get_tool(tool) is None)
    sys.monitoring.use_tool_id(tool, "test")
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, monitoring.on_line)
    for function in (program.work, program.finalize):
        sys.monitoring.set_local_events(tool, function.__code__, sys.monitoring.events.LINE)
    yield monitoring
    for function in (program.work, program.finalize):
        sys.monitoring.set_local_events(tool, function.__code__, 0)
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, None)
    sys.monitoring.free_tool_id(tool)


@pytest.fixture
def watch() -> Iterator[Any]:
    from flask_livecoverage.engines.gc_watch import CollectorWatch

    watch = CollectorWatch((Monitoring.on_line,))
    watch.start()
    yield watch
    watch.stop()


def leave_garbage(finalizer: Callable[[], object]) -> None:
    class Node:
        def __del__(self) -> None:
            finalizer()

    node = Node()
    node.itself = node  # type: ignore[attr-defined]


def in_a_thread(call: Callable[[], object]) -> None:
    thread = threading.Thread(target=call)
    thread.start()
    thread.join()


def test_lines_of_finalizers_are_measured(watch: Any, monitoring: Monitoring, program: ModuleType) -> None:
    for _ in range(3):
        leave_garbage(program.finalize)
        lines = monitoring.collecting(program.work)
        assert sorted(lines) == lines_of(program, "# finalizer", "first = 1", "return first")


@pytest.mark.parametrize("where", [lambda call: call(), in_a_thread])
def test_stopped_during_a_collection(
    where: Callable[[Callable[[], object]], None], watch: Any, monitoring: Monitoring, program: ModuleType
) -> None:
    """The thread's events continue, also for a watch that is started later."""
    leave_garbage(lambda: where(watch.stop))
    assert monitoring.collecting(program.work) == lines_of(program, "first = 1", "return first")
    watch.start()
    test_lines_of_finalizers_are_measured(watch, monitoring, program)


def test_interrupted_at_the_end_of_a_collection(
    watch: Any, monitoring: Monitoring, program: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a signal that arrives when the watch's function is entered, and whose handler raises."""
    caught: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", caught.append)

    class Interrupting:
        # In C, so that the handler runs where the next function in Python is entered.
        __del__ = staticmethod(partial(_thread.interrupt_main, signal.SIGUSR1))

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        node: Any = Interrupting()
        node.itself = node
        del node
        assert monitoring.collecting(program.work) == lines_of(program, "first = 1", "return first")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert [type(error.exc_value) for error in caught] == [InterruptedError]
    test_lines_of_finalizers_are_measured(watch, monitoring, program)
