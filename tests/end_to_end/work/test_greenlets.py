"""Greenlets of any kind: raw ones, gevent's and eventlet's, and callbacks in their event loops.

Tests ``recording.greenlet_contexts`` and ``recording.gevent_patch_hooks``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from flask_livecoverage.journal.data_dir import DataDir
from flask_livecoverage.journal.reader import read_run
from flask_livecoverage.recording.process import stop_recording
from tests.support.servers import PYTHON

from .harness import AMBIENT, WORK, ask, ask_both, at_once, path_of, recorded, recorder, serve_views, truth

greenlet = pytest.importorskip("greenlet")
if sys.version_info < (3, 12):
    pytest.skip("greenlets need the monitoring engine, which needs Python 3.12", allow_module_level=True)

Load = Callable[..., ModuleType]

RAW = {
    "one after the other": """
        def view(side):
            return greenlet.greenlet(work).switch(side)  # both
    """,
    "in turn": """
        def steps(side):
            greenlet.getcurrent().parent.switch(work(side))  # both
            return work(side)  # both

        def view(side):
            first = greenlet.greenlet(steps)  # both
            first.switch(side)  # both
            work(side)  # both
            return first.switch()  # both
    """,
    "nested": """
        def outer(side):
            return greenlet.greenlet(work).switch(side)  # both

        def view(side):
            return greenlet.greenlet(outer).switch(side)  # both
    """,
    "with a context of its own": """
        import contextvars

        def inner(side):
            variable.set(side)  # both
            return work(side)  # both

        variable = contextvars.ContextVar("variable", default="none")

        def view(side):
            made = greenlet.greenlet(inner)  # both
            made.gr_context = contextvars.copy_context()  # both
            made.switch(side)  # both
            assert variable.get() == "none"  # both
            return side  # both
    """,
    "entered by throw": """
        class Runs(greenlet.greenlet):
            def run(self, side):
                work(side)  # never

        def view(side):
            made = Runs()  # both
            try:  # both
                made.throw(ValueError)  # both
            except ValueError:  # both
                return work(side)  # both
    """,
    "thread that a greenlet starts": """
        def starts(side):
            thread = threading.Thread(target=work, args=(side,))  # both
            thread.start()  # both
            thread.join()  # both

        def view(side):
            greenlet.greenlet(starts).switch(side)  # both
            return side  # both
    """,
}


@pytest.mark.parametrize("kind", RAW)
def test_raw_greenlets(load_module: Load, kind: str) -> None:
    module = load_module(WORK + "import greenlet\n" + textwrap.dedent(RAW[kind]))
    app = serve_views(module, "monitoring")
    for _ in range(3):
        ask_both(app)
    expected = truth(path_of(module))
    expected.pop("/never", None)
    assert recorded(path_of(module)) == expected


KEPT = """
    import greenlet

    kept = []

    def steps(side):
        greenlet.getcurrent().parent.switch(side)  # a
        greenlet.getcurrent().parent.switch(side)  # a
        return side  # a

    def view(side):
        if side == "a":  # both
            kept.append(greenlet.greenlet(steps))  # a
            return kept[0].switch(side)  # a
        kept[0].parent = greenlet.getcurrent()  # b
        return kept[0].switch(side)  # b
"""


def test_greenlet_that_outlives_its_request(load_module: Load) -> None:
    """Like a thread, it stays with the request that started it, whichever request switches to it."""
    module = load_module(textwrap.dedent(KEPT))
    app = serve_views(module, "monitoring")
    ask(app, "/a")
    ask(app, "/b")
    ask(app, "/b")
    assert recorded(path_of(module)) == truth(path_of(module))
    module.kept.clear()
    for _ in range(2):
        recorder().flush()
    assert recorder().engine.late() == []


WITHOUT_REQUEST = """
    import greenlet

    def alone():
        ran = True  # ambient
        greenlet.getcurrent().parent.switch()  # ambient
        ran = False  # ambient

    def view(side):
        return side  # both

    def outside():
        made = greenlet.greenlet(alone)  # ambient
        made.switch()  # ambient
        made.switch()  # ambient
"""


def test_greenlets_without_a_request(load_module: Load) -> None:
    """Also in a thread that has answered requests."""
    module = load_module(textwrap.dedent(WITHOUT_REQUEST))
    app = serve_views(module, "monitoring")
    at_once(lambda: (ask(app, "/a"), module.outside(), ask(app, "/b")))
    assert recorded(path_of(module)) == truth(path_of(module))


def test_other_trace_functions_are_still_called(load_module: Load) -> None:
    module = load_module(WORK + "import greenlet\n" + textwrap.dedent(RAW["one after the other"]))
    seen: list[str] = []

    def trace(event: str, greenlets: object) -> None:
        seen.append(event)

    def traced() -> None:
        greenlet.settrace(trace)
        app = serve_views(module, "monitoring")
        module.meeting = threading.Barrier(1)
        ask(app, "/a")
        assert seen == ["switch", "switch"]
        stop_recording()
        assert greenlet.gettrace() is trace
        ask(app, "/a")
        assert seen == ["switch"] * 4
        greenlet.settrace(None)

    at_once(traced)


# The application is served from another file, whose lines are not compared.
SCRIPT = """
import {patch}
{patch}.{patch_function}()

from flask import Flask

from flask_livecoverage import LiveCoverage
from flask_livecoverage.recording.process import stop_recording

app = Flask(__name__)
app.config["TESTING"] = True
LiveCoverage(app)

import views

app.get("/<side>")(views.view)
for _ in range(3):
    statuses = views.together([lambda path=path: app.test_client().get(path).status_code for path in ("/a", "/b")])
    assert statuses == [200, 200], statuses
stop_recording()
"""

GEVENT = """
import threading

import gevent
import gevent.event
import gevent.lock

def together(calls):
    jobs = [gevent.spawn(call) for call in calls]
    gevent.joinall(jobs, timeout=60, raise_error=True)
    return [job.value for job in jobs]
"""
EVENTLET = """
import threading

import eventlet
import eventlet.event
import eventlet.greenpool
import eventlet.hubs
import greenlet

def together(calls):
    return [job.wait() for job in [eventlet.spawn(call) for call in calls]]
"""
LOOPS = {
    "gevent": {
        "spawn_raw": """
            def view(side):
                done = gevent.event.AsyncResult()  # both
                gevent.spawn_raw(lambda: done.set(work(side)))  # both
                return done.get(timeout=30)  # both
        """,
        "spawn_later": """
            def view(side):
                return gevent.spawn_later(0, work, side).get(timeout=30)  # both
        """,
        "link": """
            def view(side):
                done = gevent.event.AsyncResult()  # both
                job = gevent.spawn(work, side)  # both
                job.link(lambda source: done.set(work(side)))  # both
                return done.get(timeout=30)  # both
        """,
        "link by its outcome": """
            def view(side):
                done = gevent.event.AsyncResult()  # both
                gevent.spawn(work, side).link_value(lambda source: done.set(work(side)))  # both
                done.get(timeout=30)  # both
                job = gevent.spawn(work, side)  # both
                unlinked = lambda source: never_run()  # both
                job.link(unlinked)  # both
                job.unlink(unlinked)  # both
                return job.get(timeout=30)  # both
        """,
        "callback of the hub": """
            def call(side, done):
                called = side == "a"  # both
                done.set(side)  # both

            def view(side):
                done = gevent.event.AsyncResult()  # both
                gevent.get_hub().loop.run_callback(call, side, done)  # both
                return work(done.get(timeout=30))  # both
        """,
        "raw greenlet": """
            import greenlet

            def view(side):
                return greenlet.greenlet(lambda: work(side), gevent.getcurrent()).switch()  # both
        """,
    },
    "eventlet": {
        "spawn": """
            def view(side):
                return eventlet.spawn(work, side).wait()  # both
        """,
        "spawn_n": """
            def view(side):
                done = eventlet.event.Event()  # both
                eventlet.spawn_n(lambda: done.send(work(side)))  # both
                return done.wait()  # both
        """,
        "spawn_after": """
            def view(side):
                return eventlet.spawn_after(0.001, work, side).wait()  # both
        """,
        "pool": """
            pool = eventlet.greenpool.GreenPool(4)

            def view(side):
                made = list(pool.imap(work, [side]))  # both
                return pool.spawn(work, made[0]).wait()  # both
        """,
        "linked callback": """
            def view(side):
                done = eventlet.event.Event()  # both
                eventlet.spawn(work, side).link(lambda source: done.send(side))  # both
                return done.wait()  # both
        """,
        "callback of the hub": """
            def call(side, done):
                called = side == "a"  # both
                done.send(side)  # both

            def view(side):
                done = eventlet.event.Event()  # both
                eventlet.hubs.get_hub().schedule_call_global(0, call, side, done)  # both
                return work(done.wait())  # both
        """,
        "thread": """
            def view(side):
                thread = threading.Thread(target=work, args=(side,))  # both
                thread.start()  # both
                thread.join()  # both
                return side  # both
        """,
    },
}
IMPORTS = {"gevent": (GEVENT, "gevent.monkey", "patch_all"), "eventlet": (EVENTLET, "eventlet", "monkey_patch")}
# Waits in the way of each event loop, because a barrier would block eventlet's.
GREEN_WORK = """
def work(side):
    {library}.sleep(0)  # both
    if side == "a":  # both
        made = "a"  # a
    else:
        made = "b"  # b
    {library}.sleep(0)  # both
    return made  # both
"""


@pytest.mark.parametrize(("library", "kind"), [(library, kind) for library in LOOPS for kind in LOOPS[library]])
def test_event_loops(tmp_path: Path, library: str, kind: str) -> None:
    pytest.importorskip(library.partition(".")[0])
    imports, patch, patch_function = IMPORTS[library]
    source = imports + GREEN_WORK.format(library=library) + textwrap.dedent(LOOPS[library][kind])
    views, script = tmp_path / "views.py", tmp_path / "script.py"
    views.write_text(source)
    script.write_text(SCRIPT.format(patch=patch, patch_function=patch_function))
    command = [PYTHON, "-W", "ignore", "script.py"]
    ran = subprocess.run(command, cwd=tmp_path, env=dict(os.environ), capture_output=True, text=True, timeout=120)
    assert ran.returncode == 0, ran.stderr
    (folder,) = DataDir(tmp_path / ".livecov").select("all")
    found, expected = recorded(views, read_run(folder)), truth(views)
    # The module itself is imported while it is measured.
    own = {line for lines in expected.values() for line in lines}
    found[AMBIENT] = [line for line in found[AMBIENT] if line in own]
    assert found == expected
