"""Recording that is stopped, and started again, while requests are in flight.

Tests ``recording.recorder`` and ``recording.session``.
"""

from __future__ import annotations

import contextvars
import textwrap
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import pytest

from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import start_recording, stop_recording
from flask_livecoverage.settings import load_settings

from .harness import AMBIENT, ask, path_of, recorded, recorder, serve_views, truth

Load = Callable[..., ModuleType]

VIEWS = """
    def before(side):
        return side.upper()  # a

    def after(side):
        return side.lower()  # a

    def view(side):
        return "".join([before(side), restart(), after(side)])  # a
"""


def restart() -> str:
    found = recorder()
    found.stop()
    found.start()
    return ""


def test_restarted_within_a_request(load_module: Load, engine_name: str) -> None:
    module = load_module(textwrap.dedent(VIEWS))
    module.restart = restart
    app = serve_views(module, engine_name)
    for _ in range(3):
        ask(app, "/a")
    assert recorded(path_of(module)) == truth(path_of(module))


def test_restarted_within_a_request_that_another_makes(load_module: Load, engine_name: str) -> None:
    module = load_module(textwrap.dedent(VIEWS))
    module.restart = restart
    app = serve_views(module, engine_name)
    app.get("/outer")(lambda: ask(app, "/a"))
    ask(app, "/outer")
    found = recorded(path_of(module))
    assert found["/a"] == truth(path_of(module))["/a"]
    # The lines of the inner request before the stop are recorded only there.
    assert set(found["/outer"]) <= set(found["/a"])
    assert found[AMBIENT] == []


STREAM = """
    def body():
        yield "first"  # a
        yield "second"  # a
        yield third()  # a

    def third():
        return "third"  # a

    def view(side):
        return body()  # a
"""


def test_restarted_within_a_stream(load_module: Load, engine_name: str) -> None:
    module = load_module(textwrap.dedent(STREAM))
    app = serve_views(module, engine_name)
    response = app.test_client().get("/a", buffered=False)
    chunks = response.iter_encoded()
    assert next(chunks) == b"first"
    restart()
    assert b"".join(chunks) == b"secondthird"
    response.close()
    assert recorded(path_of(module)) == truth(path_of(module))


IN_THREADS = """
    import threading

    begun, gate = threading.Event(), threading.Event()

    def before(side):
        return side  # a

    def wait():
        begun.set()  # a
        gate.wait(30)  # a

    def view(side):
        return before(side) + str(wait())  # a
"""


def test_restarted_beside_a_request(load_module: Load, engine_name: str) -> None:
    """In another thread, which continues under the restarted engine."""
    module = load_module(textwrap.dedent(IN_THREADS))
    app = serve_views(module, engine_name)
    asking = threading.Thread(target=ask, args=(app, "/a"))
    asking.start()
    assert module.begun.wait(30)
    restart()
    module.gate.set()
    asking.join()
    assert recorded(path_of(module)) == truth(path_of(module))
    ask(app, "/a")
    assert recorded(path_of(module)) == truth(path_of(module))


LATE = """
    import contextvars

    kept = []

    def early(side):
        return side  # a

    def late(side):
        return side  # a

    def view(side):
        kept.append(contextvars.copy_context())  # a
        return early(side)  # a
"""


def test_restarted_while_a_copied_context_lives(load_module: Load, engine_name: str) -> None:
    if engine_name == "ctrace":
        pytest.skip("ctrace assigns lines by threads, not by contexts")
    module = load_module(textwrap.dedent(LATE))
    app = serve_views(module, engine_name)
    ask(app, "/a")
    restart()
    contextvars.Context().run(module.kept[0].run, module.late, "a")
    assert recorded(path_of(module)) == truth(path_of(module))
    module.kept.clear()
    for _ in range(2):
        recorder().flush()
    assert recorder().engine.late() == []


def test_another_recorder_within_a_request(load_module: Load, engine_name: str) -> None:
    """The request belongs to the first recorder, until that is stopped; its later lines are in neither run."""
    module = load_module(textwrap.dedent(VIEWS))
    runs = []

    def start_another() -> str:
        runs.append(recorder().run)
        stop_recording()
        runs.append(start_recording(load_settings({"LIVECOVERAGE_ENGINE": engine_name})).run)
        return ""

    module.restart = start_another
    app = serve_views(module, engine_name)
    ask(app, "/a")
    recorder().flush()
    before = [line for line in truth(path_of(module))["/a"] if line != module.after.__code__.co_firstlineno + 1]
    first, second = runs
    assert recorded(path_of(module), read_run(first))["/a"] == before
    assert "/a" not in recorded(path_of(module), read_run(second))


def test_requests_while_stopped_are_neither_measured_nor_recorded(load_module: Load, engine_name: str) -> None:
    module = load_module(textwrap.dedent(VIEWS))
    module.restart = str
    app = serve_views(module, engine_name)
    found = recorder()
    found.stop()
    ask(app, "/a")
    assert recorded(path_of(module)) == {AMBIENT: []}
    found.start()
    ask(app, "/a")
    assert recorded(path_of(module)) == truth(path_of(module))


def test_what_runs_until_the_end_is_written(load_module: Load, engine_name: str) -> None:
    """Lines that run just before the engine stops are collected too."""
    module = load_module("def function():\n    return 1\n\nview = str\n")
    serve_views(module, engine_name)
    found = recorder()
    stop = found.engine.stop

    def run_and_stop() -> None:
        module.function()
        stop()

    found.engine.stop = run_and_stop  # type: ignore[method-assign]
    stop_recording()
    assert recorded(path_of(module), read_run(found.run)) == {AMBIENT: [2]}


GREEN = """
    import greenlet

    def work(side):
        return side  # both

    def view(side):
        return greenlet.greenlet(work).switch(side)  # both
"""


def test_restarted_often_where_there_are_greenlets(load_module: Load, engine_name: str) -> None:
    """Each start sets greenlet's trace function. That of an earlier start removes no later one, and does not stay."""
    greenlet = pytest.importorskip("greenlet")
    module = load_module(textwrap.dedent(GREEN))
    app = serve_views(module, engine_name)
    lengths = []
    for _ in range(5):
        ask(app, "/a")
        lengths.append(len([*trace_functions(greenlet.gettrace())]))
        restart()
    ask(app, "/b")
    assert lengths == [lengths[0]] * 5
    assert recorded(path_of(module)) == truth(path_of(module))


def trace_functions(first: Any) -> Iterator[Any]:
    """Yield the trace functions of greenlet in this thread, the current one first."""
    while first is not None:
        yield first
        first = first.previous
